package engine

import (
	"context"
	"io"
	"sync"
	"time"

	"rota/internal/api"
)

// The rate limit for changes by one user: a burst, and a number per second. People, and
// scripts that wait for the effect of each change, stay far below. Each change is a write to
// the ledger and an event that is stored.
const (
	changeBurst      = 1000
	changesPerSecond = 10
	maxRateUsers     = 1000
	changeInterval   = time.Second / changesPerSecond
)

// rateLimit limits the changes per second of each user, as a token bucket. Its zero value is
// ready to use, by several goroutines.
type rateLimit struct {
	now func() time.Time // nil: time.Now

	mu        sync.Mutex
	paidUntil map[string]time.Time // by account: when its bucket is full again
}

// allow counts n changes by the caller of a context, or refuses them all.
func (p *rateLimit) allow(ctx context.Context, n int) error {
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
	if len(p.paidUntil) >= maxRateUsers {
		for account, until := range p.paidUntil {
			if !until.After(now) {
				delete(p.paidUntil, account)
			}
		}
	}
	until := p.paidUntil[account]
	if until.Before(now) {
		until = now
	}
	// More changes than the burst count as the burst, or they could never be made.
	until = until.Add(time.Duration(min(max(n, 1), changeBurst)) * changeInterval)
	if over := until.Sub(now) - changeBurst*changeInterval; over > 0 {
		wait := (over + time.Second - 1).Truncate(time.Second)
		return api.Errorf(api.NotNow, "try again in "+wait.String(), "%s makes more than %d changes per second", account, changesPerSecond)
	}
	if p.paidUntil == nil {
		p.paidUntil = map[string]time.Time{}
	}
	p.paidUntil[account] = until
	return nil
}

// RateLimited returns a service that limits the changes per second of each caller.
func RateLimited(s api.Service) api.Service { return rateLimited{s, &rateLimit{}} }

// rateLimited is a Service with a limit of the changes of each caller.
type rateLimited struct {
	api.Service
	limit *rateLimit
}

// withinRate calls f, which makes n changes, if the limit of the caller allows that.
func withinRate[T any](ctx context.Context, p rateLimited, n int, f func() (T, error)) (T, error) {
	if err := p.limit.allow(ctx, n); err != nil {
		var none T
		return none, err
	}
	return f()
}

func (p rateLimited) Request(ctx context.Context, r api.Request, input io.Reader) (api.Run, error) {
	return withinRate(ctx, p, 1, func() (api.Run, error) { return p.Service.Request(ctx, r, input) })
}

func (p rateLimited) Cancel(ctx context.Context, id string) (api.Run, error) {
	return withinRate(ctx, p, 1, func() (api.Run, error) { return p.Service.Cancel(ctx, id) })
}

func (p rateLimited) CancelAll(ctx context.Context, task string) ([]string, error) {
	return withinRate(ctx, p, 1, func() ([]string, error) { return p.Service.CancelAll(ctx, task) })
}

func (p rateLimited) Stop(ctx context.Context, id string, kill bool) ([]api.Run, error) {
	return withinRate(ctx, p, 1, func() ([]api.Run, error) { return p.Service.Stop(ctx, id, kill) })
}

func (p rateLimited) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	return withinRate(ctx, p, len(h.Tasks), func() ([]api.Task, error) { return p.Service.Hold(ctx, h) })
}

func (p rateLimited) Release(ctx context.Context, names ...string) (api.Released, error) {
	return withinRate(ctx, p, len(names), func() (api.Released, error) { return p.Service.Release(ctx, names...) })
}

func (p rateLimited) Reschedule(ctx context.Context, r api.Rescheduling) (api.Rescheduled, error) {
	return withinRate(ctx, p, 1, func() (api.Rescheduled, error) { return p.Service.Reschedule(ctx, r) })
}

func (p rateLimited) Skip(ctx context.Context, task string) (api.Slot, error) {
	return withinRate(ctx, p, 1, func() (api.Slot, error) { return p.Service.Skip(ctx, task) })
}

func (p rateLimited) Forget(ctx context.Context, f api.Forgetting) (int, error) {
	return withinRate(ctx, p, len(f.IDs), func() (int, error) { return p.Service.Forget(ctx, f) })
}
