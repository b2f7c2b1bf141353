package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
)

// Many requests without an id in the same second each get a run of their own.
func TestIDsOfMany(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		const many = 1500 // about forty pairs of which draw the same id
		ada, ids := r.ada(), map[string]bool{}
		got := make(chan string)
		for range many {
			go func() {
				run, err := ada.Request(ada.ctx, api.Request{Task: "t", In: time.Hour}, nil)
				if err != nil {
					t.Error(err)
				}
				got <- run.ID
			}()
		}
		for range many {
			ids[<-got] = true
		}
		if len(ids) != many {
			t.Errorf("%d ids for %d requests", len(ids), many)
		}
	})
}

// slowLedger is a ledger that commits some changes only once the gate opens for them.
type slowLedger struct {
	ledger.Ledger
	slow func(ledger.Change) bool
	gate chan struct{}
}

func (l slowLedger) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if l.slow(c) {
		open := make(chan struct{})
		go func() { <-l.gate; close(open) }()
		waitFor(c, open)
	}
	return l.Ledger.Commit(ctx, c)
}

// waitFor waits as a ledger does that commits a change until done.
func waitFor(c ledger.Change, done <-chan struct{}) {
	if c.WhileWaiting != nil {
		c.WhileWaiting(done)
	}
	<-done
}

// Of two concurrent requests with one id the second waits for the first, and gets the
// same run, or is refused if it differs.
func TestOneIDOfTwo(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		gate := make(chan struct{})
		r.wrap = func(l ledger.Ledger) ledger.Ledger {
			return slowLedger{l, func(c ledger.Change) bool { return len(c.Requests) > 0 }, gate}
		}
		r.restart(0)
		ada := r.ada()
		type answer struct {
			id   string
			code api.Code
		}
		ask := func(ctx context.Context, input string) chan answer {
			answers := make(chan answer, 1)
			go func() {
				run, err := ada.Request(ctx, api.Request{Task: "t", Key: "k", Held: true}, strings.NewReader(input))
				answers <- answer{run.ID, api.CodeOf(err)}
			}()
			synctest.Wait()
			return answers
		}
		short, giveUp := context.WithCancel(ada.ctx)
		first, same, other, impatient := ask(ada.ctx, "a"), ask(ada.ctx, "a"), ask(ada.ctx, "b"), ask(short, "a")
		giveUp()
		if got := <-impatient; got.code != api.NotNow {
			t.Errorf("who gives up waiting gets %+v", got)
		}
		close(gate)
		if got := <-first; got != (answer{"t/k", ""}) {
			t.Errorf("the first gets %+v", got)
		}
		if got := <-same; got != (answer{"t/k", ""}) {
			t.Errorf("the second gets %+v", got)
		}
		if got := <-other; got.code != api.Conflict {
			t.Errorf("who asks for something else gets %+v", got)
		}
	})
}
