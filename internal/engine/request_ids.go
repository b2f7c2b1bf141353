package engine

import (
	"context"
	"sync"

	"rota/internal/api"
)

// requestIDs are the ids of the requests that are being recorded, each by one who asks.
type requestIDs struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // closed when it is free
}

// tryTake takes an id if it is free. release must be called in the end.
func (ids *requestIDs) tryTake(id string) (release func(), ok bool) {
	release, other := ids.take(id)
	return release, other == nil
}

// wait takes an id, as soon as it is free.
func (ids *requestIDs) wait(ctx context.Context, id string) (release func(), err error) {
	for {
		release, other := ids.take(id)
		if other == nil {
			return release, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, api.Errorf(api.NotNow, "try again", "%s is just being asked for", id)
		}
	}
}

// take takes an id, or returns what is closed when whoever has it releases it.
func (ids *requestIDs) take(id string) (release func(), other <-chan struct{}) {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	if there, ok := ids.taken[id]; ok {
		return nil, there
	}
	if ids.taken == nil {
		ids.taken = map[string]chan struct{}{}
	}
	free := make(chan struct{})
	ids.taken[id] = free
	return func() {
		ids.mu.Lock()
		defer ids.mu.Unlock()
		delete(ids.taken, id)
		close(free)
	}, nil
}
