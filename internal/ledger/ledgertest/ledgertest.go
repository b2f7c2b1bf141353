// Package ledgertest is the contract of a ledger as a test, which every
// implementation passes. It knows nothing of how they store what they store.
package ledgertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// Narrow is the name of a queue in which at most Room runs may wait. No other
// queue has a limit.
const (
	Narrow = "narrow"
	Room   = 2
)

// Test holds a ledger against the contract. Open makes an empty one, with the
// queue [Narrow] as described and the time of the machine; Test closes it.
func Test(t *testing.T, open func(t *testing.T) ledger.Ledger) {
	for _, clauses := range [][]clause{committing, notifying, advancing, summarizing, queueing, asking, leasing, moving, recurring, reading, finding, remembering, ending} {
		for _, c := range clauses {
			t.Run(c.says, func(t *testing.T) {
				l := open(t)
				b := book{t: t, ctx: t.Context(), Short: Short{l}}
				defer func() {
					if err := l.Close(); err != nil {
						t.Error("close:", err)
					}
				}()
				c.holds(b)
			})
		}
	}
}

// clause is one sentence of the contract.
type clause struct {
	says  string
	holds func(book)
}

// book is a ledger with what makes tests short; its methods fail the test
// instead of returning an error.
type book struct {
	Short
	t   *testing.T
	ctx context.Context
}

// noon is an instant long past, of which at counts the minutes.
var noon = time.Date(2020, 11, 22, 12, 0, 0, 0, time.UTC)

func at(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }

// slotRun is the waiting run of a slot.
func slotRun(task string, minute int) runner.Run {
	return runner.Run{
		ID: runner.SlotID(task, at(minute), 1), Task: task, Cause: runner.CauseSchedule,
		State: runner.Queued, Scheduled: at(minute), Queued: at(minute),
	}
}

// summary is a row for slots a minute apart that were skipped.
func summary(task string, first, last int) runner.Run {
	return runner.Run{
		ID: runner.SlotID(task, at(first), 1), Task: task, Cause: runner.CauseSchedule,
		Outcome: runner.Skipped, Why: "held", Scheduled: at(first), Finished: at(last),
		First: at(first), Last: at(last), Count: last - first + 1,
	}
}

// request is a run asked for, that waits in the given state.
func request(task, key string, s runner.State) runner.Run {
	return runner.Run{ID: task + "/" + key, Task: task, Cause: runner.CauseManual, State: s, Scheduled: noon, Queued: noon}
}

// with returns the run after a change.
func with(r runner.Run, change func(*runner.Run)) runner.Run {
	change(&r)
	return r
}

func (b book) ok(err error, doing string, args ...any) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%s: %v", fmt.Sprintf(doing, args...), err)
	}
}

// fails wants an error that is the given one.
func (b book) fails(err, want error, doing string, args ...any) {
	b.t.Helper()
	if !errors.Is(err, want) {
		b.t.Errorf("%s: error is %v, want %v", fmt.Sprintf(doing, args...), err, want)
	}
}

// same wants got and want to be equal when written as JSON.
func (b book) same(got, want any, what string) {
	b.t.Helper()
	g, err := json.Marshal(got)
	b.ok(err, "encode")
	w, err := json.Marshal(want)
	b.ok(err, "encode")
	if string(g) != string(w) {
		b.t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// cursor reads the cursor.
func (b book) cursor() ledger.Cursor {
	b.t.Helper()
	c, err := b.Cursor(b.ctx)
	b.ok(err, "cursor")
	return c
}

// advance writes a batch and moves the cursor on by a minute.
func (b book) advance(batch runner.Batch) []ledger.Lease {
	b.t.Helper()
	leases, err := b.tryAdvance(batch)
	b.ok(err, "advance")
	return leases
}

func (b book) tryAdvance(batch runner.Batch, changes ...ledger.StateChange) ([]ledger.Lease, error) {
	b.t.Helper()
	prev := b.cursor()
	next := ledger.Cursor{Epoch: 1, Through: prev.Through.Add(time.Minute), Revision: "r1"}
	return b.Advance(b.ctx, prev, next, batch, changes...)
}

// submit adds runs.
func (b book) submit(runs ...runner.Run) {
	b.t.Helper()
	for _, r := range runs {
		_, err := b.Submit(b.ctx, r)
		b.ok(err, "submit %s", r.ID)
	}
}

// claim takes one run and returns its lease.
func (b book) claim(id string) ledger.Lease {
	b.t.Helper()
	leases, err := b.Claim(b.ctx, []string{id})
	b.ok(err, "claim %s", id)
	if len(leases) != 1 || leases[0].Run.ID != id {
		b.t.Fatalf("claim %s: got %+v", id, leases)
	}
	return leases[0]
}

// run adds, claims and finishes a run.
func (b book) run(r runner.Run) {
	b.t.Helper()
	b.submit(r)
	b.ok(b.Finish(b.ctx, b.claim(r.ID), runner.Result{Outcome: runner.OK, Finished: noon}), "finish %s", r.ID)
}

// get reads a run.
func (b book) get(id string) runner.Run {
	b.t.Helper()
	r, _, err := b.Get(b.ctx, id)
	b.ok(err, "get %s", id)
	return r
}

// list reads the ids of the runs that f selects.
func (b book) list(f ledger.Filter) []string {
	b.t.Helper()
	runs, err := b.List(b.ctx, f)
	b.ok(err, "list")
	ids := []string{}
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

// retain removes what need not be kept of any task.
func (b book) retain(k ledger.Keep) ledger.Removed {
	b.t.Helper()
	gone, err := b.Retain(b.ctx, everything(k))
	b.ok(err, "retain")
	return gone
}

// everything keeps so much of each task.
func everything(k ledger.Keep) ledger.Retention {
	return ledger.Retention{Task: func(string) ledger.Keep { return k }}
}

// ids returns the ids of the runs of leases.
func ids(leases []ledger.Lease) []string {
	list := []string{}
	for _, l := range leases {
		list = append(list, l.Run.ID)
	}
	return list
}

// race calls f from n goroutines at once and waits for all.
func race(n int, f func(i int)) {
	start, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			<-start
			f(i)
			done <- struct{}{}
		}()
	}
	close(start)
	for range n {
		<-done
	}
}
