package engine

import (
	"context"
	"io"
	"sync"
	"time"

	"rota/internal/api"
)

// How fast one user may change things: so many at once, and so many a second for as
// long as they like. No person comes near, and no script that waits for its answers
// to mean something. Each change is a write to the ledger and an event that is kept.
const (
	changesAtOnce   = 1000
	changesASecond  = 10
	maxPaces        = 1000
	timeOfOneChange = time.Second / changesASecond
)

// pace bounds how fast each user changes things. Its zero value is ready to use, by
// several goroutines.
type pace struct {
	now func() time.Time // nil: time.Now

	mu    sync.Mutex
	spent map[string]time.Time // by account: when all that it did is paid for
}

// spend counts n changes to the caller of a context, or refuses them all.
func (p *pace) spend(ctx context.Context, n int) error {
	account, bounded := api.Bounded(ctx)
	if !bounded {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.now != nil {
		now = p.now()
	}
	if len(p.spent) >= maxPaces {
		for account, until := range p.spent {
			if !until.After(now) {
				delete(p.spent, account)
			}
		}
	}
	until := p.spent[account]
	if until.Before(now) {
		until = now
	}
	// Of more than can ever be paid for at once, only so many are counted.
	until = until.Add(time.Duration(min(max(n, 1), changesAtOnce)) * timeOfOneChange)
	if over := until.Sub(now) - changesAtOnce*timeOfOneChange; over > 0 {
		wait := (over + time.Second - 1).Truncate(time.Second)
		return api.Errorf(api.NotNow, "try again in "+wait.String(), "%s changes things faster than %d times a second", account, changesASecond)
	}
	if p.spent == nil {
		p.spent = map[string]time.Time{}
	}
	p.spent[account] = until
	return nil
}

// Paced is a service whose callers change things no faster than a person or a script
// that waits for its answers.
func Paced(s api.Service) api.Service { return paced{s, &pace{}} }

// paced is a Service whose callers change things at a pace.
type paced struct {
	api.Service
	pace *pace
}

// atPace calls f, which changes n things, if the caller may change them by now.
func atPace[T any](ctx context.Context, p paced, n int, f func() (T, error)) (T, error) {
	if err := p.pace.spend(ctx, n); err != nil {
		var none T
		return none, err
	}
	return f()
}

func (p paced) Request(ctx context.Context, r api.Request, input io.Reader) (api.Run, error) {
	return atPace(ctx, p, 1, func() (api.Run, error) { return p.Service.Request(ctx, r, input) })
}

func (p paced) Cancel(ctx context.Context, id string) (api.Run, error) {
	return atPace(ctx, p, 1, func() (api.Run, error) { return p.Service.Cancel(ctx, id) })
}

func (p paced) CancelAll(ctx context.Context, task string) ([]string, error) {
	return atPace(ctx, p, 1, func() ([]string, error) { return p.Service.CancelAll(ctx, task) })
}

func (p paced) Stop(ctx context.Context, id string, kill bool) ([]api.Run, error) {
	return atPace(ctx, p, 1, func() ([]api.Run, error) { return p.Service.Stop(ctx, id, kill) })
}

func (p paced) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	return atPace(ctx, p, len(h.Tasks), func() ([]api.Task, error) { return p.Service.Hold(ctx, h) })
}

func (p paced) Release(ctx context.Context, names ...string) (api.Released, error) {
	return atPace(ctx, p, len(names), func() (api.Released, error) { return p.Service.Release(ctx, names...) })
}

func (p paced) Reschedule(ctx context.Context, r api.Rescheduling) (api.Rescheduled, error) {
	return atPace(ctx, p, 1, func() (api.Rescheduled, error) { return p.Service.Reschedule(ctx, r) })
}

func (p paced) Skip(ctx context.Context, task string) (api.Slot, error) {
	return atPace(ctx, p, 1, func() (api.Slot, error) { return p.Service.Skip(ctx, task) })
}

func (p paced) Forget(ctx context.Context, f api.Forgetting) (int, error) {
	return atPace(ctx, p, len(f.IDs), func() (int, error) { return p.Service.Forget(ctx, f) })
}
