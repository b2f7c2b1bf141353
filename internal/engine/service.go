package engine

import (
	"context"
	"errors"
	"io"

	"rota/internal/api"
	"rota/internal/notify"
	"rota/internal/query"
	"rota/runner"
)

// Service is the [api.Service] of an engine, without the calls about the file. Changes are
// made by the engine's goroutine; other calls read the ledger.
type Service struct {
	*query.Reader
	// Differs reports whether the file on the disk differs from that in force, in addition
	// to what the engine knows; nil: not known.
	Differs func(context.Context) bool
	eng     *Engine
}

// Service returns the service of the engine.
func (eng *Engine) Service() *Service {
	r := &query.Reader{Ledger: eng.ledger, StateDir: eng.stateDir, Config: eng.inForce.Load, Now: eng.clock.Now, Agenda: eng.agendaOf, States: eng.taskStates, NoRoom: eng.wouldLackRoom}
	return &Service{Reader: r, eng: eng}
}

// Request implements [api.Service].
func (s *Service) Request(ctx context.Context, r api.Request, input io.Reader) (api.Run, error) {
	run, err := s.eng.request(ctx, r, input, api.Who(ctx))
	return api.RunOf(run), err
}

// Notify implements [api.Service].
func (s *Service) Notify(ctx context.Context, name string) (api.Notified, error) {
	if s.eng.notifications == nil {
		return api.Notified{}, api.Errorf(api.NotFound, "", "no target %q", name)
	}
	to, took, err := s.eng.notifications.Test(ctx, name)
	switch {
	case errors.Is(err, notify.ErrNoTarget):
		e := query.NoTask(s.eng.inForce.Load().Notify, name).(*api.Error)
		e.Message = "no [notify] target \"" + name + "\""
		return api.Notified{}, e
	case err != nil:
		return api.Notified{}, api.Errorf(api.Failed, "", "%s: %v", name, err)
	}
	return api.Notified{Target: name, To: to, Took: took.Seconds()}, nil
}

// Watch implements [api.Service].
func (s *Service) Watch(ctx context.Context) (<-chan api.Message, error) {
	return s.eng.hub.Watch(ctx), nil
}

// Owner returns the user of a task; false: there is no such task.
func (eng *Engine) Owner(task string) (user string, ok bool) {
	t, ok := eng.inForce.Load().Tasks.Find(task)
	return t.User, ok
}

// Attempt returns a run with an attempt under way, as it was claimed.
func (eng *Engine) Attempt(id string) (run runner.Run, ok bool) {
	live, ok := eng.leases.Load(id)
	if !ok {
		return runner.Run{}, false
	}
	return live.(leasedRun).Run, true
}

// endLease removes the lease of an attempt that has ended.
func (eng *Engine) endLease(run string) {
	eng.leases.Delete(run)
	eng.unwatchLateness(run)
	call(eng.options.TokenExpired, run)
}
