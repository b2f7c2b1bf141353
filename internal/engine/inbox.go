package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"rota/internal/api"
	"rota/internal/ledger"
)

// errStopping is the error of calls to an engine that is stopping.
var errStopping = api.Errorf(api.NotNow, "try again once it is back", "rota is stopping")

// inbox holds the functions that other goroutines give to the engine's goroutine. Changes
// are called at the start of a turn; reads, which change nothing that a commit has decided
// about, also while the engine waits for a commit.
type inbox struct {
	stateComplete bool // reads can be served; belongs to the engine's goroutine

	mu      sync.Mutex // guards changes, reads and serving
	changes []func()
	reads   []func()
	serving bool          // the engine waits for a commit and serves reads
	arrived chan struct{} // holds one value: there are reads while it serves them
	woken   chan struct{} // holds one value; for shutDown, which does not wait on the clock
}

func newInbox() inbox {
	return inbox{arrived: make(chan struct{}, 1), woken: make(chan struct{}, 1)}
}

// post makes the engine's goroutine call f soon. It may be called from any goroutine.
func (eng *Engine) post(f func()) {
	eng.mu.Lock()
	eng.changes = append(eng.changes, f)
	eng.mu.Unlock()
	eng.wake()
}

// postRead is post for a read: it may be called while the engine waits for a commit, but
// never before the changes that were posted before it, which it may be about.
func (eng *Engine) postRead(f func()) {
	eng.mu.Lock()
	atOnce := eng.serving && len(eng.changes) == 0
	if atOnce {
		eng.reads = append(eng.reads, f)
	} else {
		eng.changes = append(eng.changes, f)
	}
	eng.mu.Unlock()
	if atOnce {
		signal(eng.arrived)
	} else {
		eng.wake()
	}
}

// wake makes the engine take a turn soon.
func (eng *Engine) wake() {
	signal(eng.woken)
	eng.clock.Wake()
}

// signal sends to a channel that holds one value, unless it has one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// runPosted calls the functions that were posted until now. Each stays in the inbox until it
// is called, so that no read is served before it.
func (eng *Engine) runPosted() {
	for eng.callFirst(&eng.reads) {
	}
	eng.mu.Lock()
	n := len(eng.changes)
	eng.mu.Unlock()
	for range n {
		eng.callFirst(&eng.changes)
	}
}

// callFirst removes the first function of a list and calls it; false: none.
func (eng *Engine) callFirst(list *[]func()) bool {
	eng.mu.Lock()
	if len(*list) == 0 {
		eng.mu.Unlock()
		return false
	}
	f := (*list)[0]
	(*list)[0] = nil
	if *list = (*list)[1:]; len(*list) == 0 {
		*list = nil
	}
	eng.mu.Unlock()
	f()
	return true
}

// serveReads calls posted reads until done is closed.
func (eng *Engine) serveReads(done <-chan struct{}) {
	eng.setServing(true)
	defer eng.setServing(false)
	for {
		select {
		case <-done:
			return
		default:
		}
		if eng.callFirst(&eng.reads) {
			continue
		}
		select {
		case <-eng.arrived:
		case <-done:
			return
		}
	}
}

// setServing sets whether reads are served at once. Those that are left when that ends are
// served in the next turn.
func (eng *Engine) setServing(on bool) {
	eng.mu.Lock()
	eng.serving = on
	left := len(eng.reads) > 0
	eng.mu.Unlock()
	if left && !on {
		eng.wake()
	}
}

// commitServing commits a change of the engine's goroutine, which serves reads until the
// change is on the disk. Until then the state is as before the change.
func (eng *Engine) commitServing(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if eng.stateComplete {
		c.WhileWaiting = eng.serveReads
	}
	return eng.ledger.Commit(ctx, c)
}

// do makes the engine's goroutine call f, and waits for it. If ctx ends before, f is not
// called. Once f has begun, do waits for its end, as f may write to variables of the caller.
func (eng *Engine) do(ctx context.Context, f func() error) error { return eng.await(ctx, eng.post, f) }

// read is do for a read.
func (eng *Engine) read(ctx context.Context, f func() error) error {
	return eng.await(ctx, eng.postRead, f)
}

// await posts f, and waits for its end.
func (eng *Engine) await(ctx context.Context, post func(func()), f func() error) error {
	done := make(chan error, 1)
	var taken atomic.Bool // set by the engine when it calls f, or by await when it gives up
	post(func() {
		if taken.CompareAndSwap(false, true) {
			done <- f()
		}
	})
	var err error = errStopping
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-eng.closed:
	}
	if taken.CompareAndSwap(false, true) {
		return err
	}
	return <-done
}

// doWithoutCancel is do for changes: f gets a context that is not cancelled when the client
// disconnects, so that a change is never left half done.
func (eng *Engine) doWithoutCancel(ctx context.Context, f func(context.Context) error) error {
	return eng.do(ctx, func() error { return f(context.WithoutCancel(ctx)) })
}
