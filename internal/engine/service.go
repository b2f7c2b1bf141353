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
	l *loop
}

// Service returns the engine as others ask it.
func (l *loop) Service() *Service {
	r := &query.Reader{Ledger: l.ledger, StateDir: l.stateDir, Config: l.inForce.Load, Now: l.clock.Now, Agenda: l.coming, States: l.remembered, NoRoom: l.awaitsRoom}
	return &Service{Reader: r, l: l}
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
func (l *loop) Owner(task string) (user string, ok bool) {
	t, ok := l.inForce.Load().Tasks[task]
	return t.User, ok
}

// Attempt returns a run of which an attempt is under way, as it was claimed.
func (l *loop) Attempt(id string) (run runner.Run, ok bool) {
	live, ok := l.leases.Load(id)
	if !ok {
		return runner.Run{}, false
	}
	return live.(underway).Run, true
}

// endLease forgets that an attempt is under way.
func (l *loop) endLease(run string) {
	l.leases.Delete(run)
	l.forgetLate(run)
	call(l.options.Expired, run)
}
