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

// Service is an engine as others ask it; it is an [api.Service] but for what concerns the
// file. What changes anything is done by the engine's goroutine; what only looks reads
// the ledger.
type Service struct {
	*query.Reader
	// Differs reports whether the file on the disk is another one than that in force,
	// beyond what the engine knows of it; nil: nobody can tell.
	Differs func(context.Context) bool
	l       *Engine
}

// Service returns the engine as others ask it.
func (eng *Engine) Service() *Service {
	r := &query.Reader{Ledger: eng.ledger, StateDir: eng.stateDir, Config: eng.inForce.Load, Now: eng.clock.Now, Agenda: eng.agendaOf, States: eng.taskStates, NoRoom: eng.awaitsRoom}
	return &Service{Reader: r, l: eng}
}

// Request implements [api.Service].
func (s *Service) Request(ctx context.Context, r api.Request, input io.Reader) (api.Run, error) {
	run, err := s.l.request(ctx, r, input, api.Who(ctx))
	return api.RunOf(run), err
}

// Notify implements [api.Service].
func (s *Service) Notify(ctx context.Context, name string) (api.Notified, error) {
	if s.l.notifications == nil {
		return api.Notified{}, api.Errorf(api.NotFound, "", "no target %q", name)
	}
	to, took, err := s.l.notifications.Test(ctx, name)
	switch {
	case errors.Is(err, notify.ErrNoTarget):
		e := query.NoTask(s.l.inForce.Load().Notify, name).(*api.Error)
		e.Message = "no [notify] target \"" + name + "\""
		return api.Notified{}, e
	case err != nil:
		return api.Notified{}, api.Errorf(api.Failed, "", "%s: %v", name, err)
	}
	return api.Notified{Target: name, To: to, Took: took.Seconds()}, nil
}

// Watch implements [api.Service].
func (s *Service) Watch(ctx context.Context) (<-chan api.Message, error) {
	return s.l.hub.Watch(ctx), nil
}

// Owner tells as which user a task runs, and whether there is one of that name.
func (eng *Engine) Owner(task string) (user string, ok bool) {
	t, ok := eng.inForce.Load().Tasks[task]
	return t.User, ok
}

// Attempt returns a run of which an attempt is under way, as it was claimed.
func (eng *Engine) Attempt(id string) (run runner.Run, ok bool) {
	live, ok := eng.leases.Load(id)
	if !ok {
		return runner.Run{}, false
	}
	return live.(underway).Run, true
}

// endLease forgets that an attempt is under way.
func (eng *Engine) endLease(run string) {
	eng.leases.Delete(run)
	eng.forgetLate(run)
	call(eng.options.Expired, run)
}
