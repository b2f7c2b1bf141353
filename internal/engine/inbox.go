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

// inbox holds the functions that other goroutines give to the engine: changes, which are
// called between two turns, and questions, which only read the state and are answered while
// a change is being committed, too.
type inbox struct {
	ready     bool       // the state is complete, so that questions can be answered; of the engine's goroutine
	mu        sync.Mutex // guards the next three
	posts     []func()
	questions []func()
	answering bool          // the engine waits for a commit and answers questions
	asked     chan struct{} // holds one value; for answerUntil
	woken     chan struct{} // holds one value; for shutDown, which does not wait on the clock
}

func newInbox() inbox {
	return inbox{asked: make(chan struct{}, 1), woken: make(chan struct{}, 1)}
}

// post makes the engine's goroutine call f soon. It may be called from any goroutine.
func (eng *Engine) post(f func()) {
	eng.mu.Lock()
	eng.posts = append(eng.posts, f)
	eng.mu.Unlock()
	eng.wake()
}

// postQuestion is post for a function that changes nothing that a commit under way decided
// about: it may be called before the commit has ended. But never before what was posted
// before it, which may be what the question is about.
func (eng *Engine) postQuestion(f func()) {
	eng.mu.Lock()
	if !eng.answering || len(eng.posts) > 0 {
		eng.mu.Unlock()
		eng.post(f)
		return
	}
	eng.questions = append(eng.questions, f)
	eng.mu.Unlock()
	select {
	case eng.asked <- struct{}{}:
	default:
	}
}

// wake makes the engine take a turn soon.
func (eng *Engine) wake() {
	select {
	case eng.woken <- struct{}{}:
	default:
	}
	eng.clock.Wake()
}

// runPosted calls the posted functions.
func (eng *Engine) runPosted() {
	eng.answer()
	eng.mu.Lock()
	posts := eng.posts
	eng.posts = nil
	eng.mu.Unlock()
	for _, f := range posts {
		f()
	}
}

// answer calls the posted questions.
func (eng *Engine) answer() {
	eng.mu.Lock()
	questions := eng.questions
	eng.questions = nil
	eng.mu.Unlock()
	for _, f := range questions {
		f()
	}
}

// answerUntil answers questions until done is closed.
func (eng *Engine) answerUntil(done <-chan struct{}) {
	eng.setAnswering(true)
	defer eng.setAnswering(false)
	for {
		eng.answer()
		select {
		case <-eng.asked:
		case <-done:
			return
		}
	}
}

// setAnswering sets whether the engine answers questions at once. Those that are left at the
// end are answered in the next turn.
func (eng *Engine) setAnswering(yes bool) {
	eng.mu.Lock()
	eng.answering = yes
	left := len(eng.questions) > 0
	eng.mu.Unlock()
	if left && !yes {
		eng.wake()
	}
}

// commitAnswering commits a change of the engine's goroutine, which answers questions until
// the change is on the disk. The state must be as before the change.
func (eng *Engine) commitAnswering(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if eng.ready {
		c.Meanwhile = eng.answerUntil
	}
	return eng.ledger.Commit(ctx, c)
}

// do makes the engine's goroutine call f, and waits for it. If ctx ends before, f is not
// called. Once f has begun, do waits for its end, as f may write to variables of the caller.
func (eng *Engine) do(ctx context.Context, f func() error) error { return eng.await(ctx, eng.post, f) }

// ask is do for a function that only reads the state, as it is before or after a change that
// is being committed.
func (eng *Engine) ask(ctx context.Context, f func() error) error {
	return eng.await(ctx, eng.postQuestion, f)
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
