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

// publisher records runs by telling those who watch.
type publisher struct{ hub *api.Hub }

// Record implements [runner.Recorder].
func (p publisher) Record(run runner.Run) error {
	p.hub.Publish(api.Message{Run: new(api.RunOf(run.Brief()))})
	return nil
}

// failureCounting is a ledger whose failures are counted. A condition of a change that does not
// hold is none.
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

// measure has the metrics follow a file that comes into force.
func (eng *Engine) measure(c *config.Config) {
	tasks := make(map[string]metrics.Task, len(c.Tasks))
	for name, t := range c.Tasks {
		tasks[name] = metrics.Task{Expected: t.ExpectSuccessWithin}
	}
	targets := slices.Collect(maps.Keys(c.Notify))
	for _, t := range c.Tasks {
		if t.Ping != "" {
			targets = append(targets, notify.PingTarget)
			break
		}
	}
	eng.metrics.Load(tasks, targets)
}

// measured is what the metrics ask the engine for.
func (eng *Engine) measured(ctx context.Context) (metrics.State, error) {
	s := metrics.State{Held: map[string]bool{}, Next: map[string]time.Time{}, Queued: map[string]int{}}
	err := eng.ask(ctx, func() error {
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

// stateTime is how long the engine may take to say how it is.
const stateTime = 5 * time.Second

// Metrics implements [api.Service].
func (s *Service) Metrics(ctx context.Context) (io.ReadCloser, error) {
	sees := func(task string) bool { return api.SeesTask(ctx, task) }
	if api.SeesAll(ctx) {
		sees = nil
	}
	state := func(ctx context.Context) (metrics.State, error) {
		ctx, cancel := context.WithTimeout(ctx, stateTime)
		defer cancel()
		st, err := s.l.measured(ctx)
		st.Differs = !st.Reloaded || s.Differs != nil && s.Differs(ctx)
		return st, noAnswer(err)
	}
	var b bytes.Buffer
	err := s.l.metrics.Write(ctx, &b, metrics.Source{Ledger: s.Ledger, Size: s.LedgerBytes, State: state}, sees)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(&b), nil
}

// noAnswer is the error of an engine that was asked for something and took too long.
func noAnswer(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return api.Errorf(api.NotNow, "try again later", "the scheduler does not answer")
	}
	return err
}

// Alive returns an error if the engine does not answer. As for a watchdog, a ledger that
// cannot be written to is no reason to start rota again.
func (eng *Engine) Alive(ctx context.Context) error {
	return noAnswer(eng.ask(ctx, func() error { return nil }))
}

// Ready returns an error if the engine starts nothing that is due. It names no path and no
// user: anybody may ask.
func (eng *Engine) Ready(ctx context.Context) error {
	return noAnswer(eng.ask(ctx, eng.readiness))
}

func (eng *Engine) readiness() error {
	switch {
	case eng.stopping:
		return errStopping
	case eng.failing != "":
		return api.Errorf(api.NotNow, "", "scheduling is paused: due runs cannot be recorded")
	case eng.view.Draining:
		return api.Errorf(api.NotNow, "", "rota is draining: nothing starts")
	}
	return nil
}
