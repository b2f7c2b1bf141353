package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// countingLedger counts commits.
type countingLedger struct {
	ledger.Ledger
	commits *atomic.Int64
}

func (c countingLedger) Commit(ctx context.Context, change ledger.Change) (ledger.Committed, error) {
	c.commits.Add(1)
	return c.Ledger.Commit(ctx, change)
}

// Many requests that come due, or have waited for too long, at one instant are moved by
// few commits, also if somebody has cancelled one of them.
func TestManyAtOneInstant(t *testing.T) {
	const many = 200
	jobs := fmt.Sprintf("[queues.q]\ncapacity = %d\n[tasks.t]\nqueue = \"q\"\nmax_wait = \"10m\"\nlog = \"x\"\n", many)
	inBubble(t, noon, jobs, func(r *rig) {
		var commits atomic.Int64
		r.wrap = func(l ledger.Ledger) ledger.Ledger { return countingLedger{l, &commits} }
		r.restart(0)
		ada := r.ada()
		ada.must(ada.StopQueues(ada.ctx, "q"))
		at := time.Now().Add(time.Hour)
		for i := range many {
			_, err := ada.Request(ada.ctx, api.Request{Task: "t", Key: fmt.Sprint("k", i), At: at}, nil)
			must(t, err)
		}
		r.pass(time.Minute)
		commits.Store(0)
		r.pass(time.Hour)
		count := func(s runner.State, o runner.Outcome) int {
			f := ledger.Filter{Task: "t"}
			if f.States = []runner.State{s}; s == "" {
				f.States, f.Outcomes = nil, []runner.Outcome{o}
			}
			runs, err := r.ledger.List(t.Context(), f)
			must(t, err)
			return len(runs)
		}
		if n := count(runner.Queued, ""); n != many || commits.Load() > 10 {
			t.Errorf("%d are queued, by %d commits", n, commits.Load())
		}
		if err := short(r.ledger).Cancel(t.Context(), "t/k7", runner.TextReason("meanwhile")); err != nil {
			t.Fatal(err)
		}
		r.pass(10 * time.Minute)
		if n := count("", runner.Skipped); n != many-1 {
			t.Errorf("%d are skipped", n)
		}
	})
}
