package engine

import (
	"context"
	"sync"

	"rota/internal/api"
)

// requestIDs are the ids of requests that are being recorded. Each is reserved by one call.
type requestIDs struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // closed when the id is released
}

// tryReserve reserves an id if it is free. release must be called in the end.
func (ids *requestIDs) tryReserve(id string) (release func(), ok bool) {
	release, other := ids.reserve(id)
	return release, other == nil
}

// wait reserves an id as soon as it is free.
func (ids *requestIDs) wait(ctx context.Context, id string) (release func(), err error) {
	for {
		release, other := ids.reserve(id)
		if other == nil {
			return release, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, api.Errorf(api.NotNow, "try again", "another request for %s is in progress", id)
		}
	}
}

// reserve reserves an id, or returns a channel that is closed when it is released.
func (ids *requestIDs) reserve(id string) (release func(), other <-chan struct{}) {
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
