package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"rota/internal/api"
	"rota/internal/ledger"
)

// failingLedger is a ledger that does not record the state of some tasks.
type failingLedger struct {
	ledger.Ledger
	fail func(name string) bool
}

func (s failingLedger) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	for _, state := range c.States {
		if s.fail(state.Name) {
			return ledger.Committed{}, errors.New("the disk is full")
		}
	}
	return s.Ledger.Commit(ctx, c)
}

// A hold or a release of several names that fails with some says with which, and what
// it did with the others.
func TestSeveralOfWhichSomeFail(t *testing.T) {
	notDone := func(err error) (names []string) {
		if e := (*api.Error)(nil); errors.As(err, &e) {
			for _, n := range e.NotDone {
				names = append(names, n.Name)
			}
		}
		return names
	}
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n[tasks.u]\nlog = \"x\"\n[tasks.v]\nlog = \"x\"\n", func(r *rig) {
		failing := ""
		r.wrap = func(l ledger.Ledger) ledger.Ledger {
			return failingLedger{l, func(name string) bool { return name == failing }}
		}
		r.restart(0)
		ada := r.ada()
		all := []string{"t", "u", "v"}
		r.post(func() { failing = "u" })
		tasks, err := ada.Hold(ada.ctx, api.Holding{Tasks: all})
		if len(tasks) != 1 || tasks[0].Task != "t" || tasks[0].Hold == nil {
			t.Errorf("held: %+v", tasks)
		}
		if got := notDone(err); api.CodeOf(err) != api.Failed || !slices.Equal(got, []string{"u", "v"}) {
			t.Errorf("not held: %q (%v)", got, err)
		}
		r.post(func() { failing = "" })
		done, err := ada.Release(ada.ctx, "u", "t", "v/none", "v")
		if !slices.Equal(done.Tasks, []string{"t"}) {
			t.Errorf("released: %q", done.Tasks)
		}
		if got := notDone(err); api.CodeOf(err) != api.Conflict || !slices.Equal(got, []string{"u", "v", "v/none"}) {
			t.Errorf("not released: %q (%v)", got, err)
		}
		// One that is not there keeps all from being held.
		tasks, err = ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t", "nope"}})
		if len(tasks) != 0 || api.CodeOf(err) != api.NotFound {
			t.Errorf("held: %+v, %v", tasks, err)
		}
		if states, err := r.ledger.Tasks(t.Context()); err != nil || states["t"].Hold != nil {
			t.Errorf("held all the same: %+v, %v", states, err)
		}
		synctest.Wait()
	})
}
