package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/metrics"
	"rota/internal/notify"
	"rota/runner"
)

// publisher is a [runner.Recorder] that passes runs to the subscribers of Watch.
type publisher struct{ hub *api.Hub }

// Record implements [runner.Recorder].
func (p publisher) Record(run runner.Run) error {
	if !p.hub.Watched() {
		return nil
	}
	p.hub.Publish(api.Message{Run: new(api.RunOf(run.Brief()))})
	return nil
}

// failureCounting is a ledger whose failed commits are counted. A change that is refused by
// one of its conditions has not failed.
type failureCounting struct {
	ledger.Ledger
	failed func()
}

func (f failureCounting) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, err := f.Ledger.Commit(ctx, c)
	refused := func(e error) bool { return errors.Is(err, e) }
	if err != nil && ctx.Err() == nil && !slices.ContainsFunc([]error{
		ledger.ErrStale, ledger.ErrQueueFull, ledger.ErrExists, ledger.ErrNotFound, ledger.ErrFenced, ledger.ErrConflict, ledger.ErrClosed,
	}, refused) {
		f.failed()
	}
	return done, err
}

// loadMetrics adapts the metrics to a configuration that comes into force.
func (eng *Engine) loadMetrics(c *config.Config) {
	tasks := make(map[string]metrics.Task, len(c.Tasks))
	for name, t := range c.Tasks.All() {
		tasks[name] = metrics.Task{Expected: t.ExpectSuccessWithin}
	}
	targets := slices.Collect(maps.Keys(c.Notify))
	for _, t := range c.Tasks.All() {
		if t.Ping != "" {
			targets = append(targets, notify.PingTarget)
			break
		}
	}
	eng.metrics.Load(tasks, targets)
}

// metricsState returns the state of the engine for the metrics.
func (eng *Engine) metricsState(ctx context.Context) (metrics.State, error) {
	s := metrics.State{Held: map[string]bool{}, Next: map[string]time.Time{}, Queued: map[string]int{}}
	err := eng.read(ctx, func() error {
		s.Running = eng.view.LiveByTask()
		for queue := range eng.cfg.Queues {
			s.Queued[queue] = eng.view.CountQueued(queue)
		}
		s.Queued[""] = eng.view.CountQueued("")
		for name, state := range eng.states {
			if state.Hold != nil {
				s.Held[name] = true
			}
		}
		for key, e := range eng.entries {
			at := eng.agenda.Next(key)
			if at.IsZero() {
				continue
			}
			if was, ok := s.Next[e.Task]; !ok || at.Before(was) {
				s.Next[e.Task] = at
			}
		}
		s.Reloaded, s.Loaded = eng.broken == nil && eng.notInForce == nil, eng.loaded
		return nil
	})
	return s, err
}

// stateTimeout limits the time for metricsState.
const stateTimeout = 5 * time.Second

// Metrics implements [api.Service].
func (s *Service) Metrics(ctx context.Context) (io.ReadCloser, error) {
	sees := func(task string) bool { return api.SeesTask(ctx, task) }
	if api.SeesAll(ctx) {
		sees = nil
	}
	state := func(ctx context.Context) (metrics.State, error) {
		ctx, cancel := context.WithTimeout(ctx, stateTimeout)
		defer cancel()
		st, err := s.eng.metricsState(ctx)
		st.Differs = !st.Reloaded || s.Differs != nil && s.Differs(ctx)
		return st, noAnswer(err)
	}
	var b bytes.Buffer
	err := s.eng.metrics.Write(ctx, &b, metrics.Source{Ledger: s.Ledger, Size: s.LedgerBytes, State: state}, sees)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(&b), nil
}

// noAnswer replaces the error of a call that timed out.
func noAnswer(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return api.Errorf(api.NotNow, "try again later", "the scheduler does not answer")
	}
	return err
}

// Alive returns an error if the engine does not answer. A ledger that cannot be written is
// no error: a restart would not help.
func (eng *Engine) Alive(ctx context.Context) error {
	return noAnswer(eng.do(ctx, func() error { return nil }))
}

// Ready returns an error if the engine starts no due runs. The error contains no path and no
// user, as anybody may call it.
func (eng *Engine) Ready(ctx context.Context) error {
	return noAnswer(eng.do(ctx, eng.pauseError))
}

func (eng *Engine) pauseError() error {
	switch {
	case eng.stopping:
		return errStopping
	case eng.recordError != "":
		return api.Errorf(api.NotNow, "", "scheduling is paused: due runs cannot be recorded")
	case eng.view.Draining:
		return api.Errorf(api.NotNow, "", "rota is draining: no new runs start")
	}
	return nil
}
