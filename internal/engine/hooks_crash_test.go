package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// crashingLedger is the ledger of a daemon that is killed as soon as it has written the
// end of a run, or missed or superseded slots: of what it writes later, nothing is there.
type crashingLedger struct {
	ledger.Ledger
	armed, dead atomic.Bool
}

// Commit is also that of a daemon that is killed as soon as it has released a task.
func (d *crashingLedger) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	state := len(c.States) > 0 && len(c.Ends) == 0 && c.Cursor == nil
	if d.dead.Load() && (d.armed.Load() || !state) {
		return ledger.Committed{}, ledger.ErrClosed
	}
	last := len(c.Ends)+len(c.Batch.Summaries)+len(c.Batch.Ends) > 0
	for _, s := range c.States {
		last = last || state && s.Prev.Hold != nil && s.Next.Hold == nil
	}
	if last {
		defer d.dead.Store(d.armed.Load())
	}
	return d.Ledger.Commit(ctx, c)
}

// A kill between the end of a run, or slots that were missed, and what their
// hooks ask for forgets nothing; and nothing is asked for twice.
func TestKilledBeforeAHook(t *testing.T) {
	for _, c := range []struct {
		name, jobs, parent, after string
	}{
		{"on_success", "log = \"x\"\nat = \"12:00:30\"\non_success = [\"run:after\"]\n", "12:00:30", "ok"},
		{"on_failure", "write = { path = \"no/such/directory\", text = \"x\" }\nat = \"12:00:30\"\non_failure = [\"run:after\"]\n", "12:00:30 failed", "ok"},
		{"on_missed", "log = \"x\"\ncron = \"*/10 * * * *\"\non_missed = [\"run:after\"]\n", "12:10:00-12:10:00×1 missed", "ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, "[tasks.parent]\n"+c.jobs+"[tasks.after]\nlog = \"x\"\n", func(r *rig) {
				r.wrap = func(l ledger.Ledger) ledger.Ledger {
					d := &crashingLedger{Ledger: l}
					d.armed.Store(true)
					return d
				}
				away := time.Duration(0)
				if c.name == "on_missed" {
					away = 15 * time.Minute
				}
				r.restart(away)
				r.pass(time.Minute)
				r.wrap = nil
				for range 2 {
					r.restart(0)
					r.pass(time.Second)
					r.want("parent", c.parent)
					runs, err := r.ledger.List(t.Context(), ledger.Filter{Task: "after"})
					if err != nil || len(runs) != 1 || runs[0].Outcome != runner.OK || runs[0].Attempts != 1 {
						t.Errorf("%v, %v; want one run after %s, that ended %s", describe(runs), err, c.parent, c.after)
					}
				}
			})
		})
	}
}

// describe shows runs for a complaint.
func describe(runs []runner.Run) string {
	text := fmt.Sprintf("%d runs", len(runs))
	for _, r := range runs {
		text += fmt.Sprintf(", %s %s%s by %s", r.ID, r.State, r.Outcome, r.Parent)
	}
	return text
}
