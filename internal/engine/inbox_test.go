package engine

import (
	"context"
	"testing"
	"testing/synctest"

	"rota/internal/api"
	"rota/internal/ledger"
)

// heldCommits is a ledger that commits no change of a task's state until the gate is open.
type heldCommits struct {
	ledger.Ledger
	gate chan struct{}
}

func (h heldCommits) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if len(c.States) > 0 && c.Meanwhile != nil {
		c.Meanwhile(h.gate)
		<-h.gate
	}
	return h.Ledger.Commit(ctx, c)
}

// While a change is being committed, questions are answered from the state before it; but
// none that was asked after something that the engine has not taken in yet.
func TestQuestionsDuringACommit(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\ncron = \"@hourly\"\nlog = \"x\"\n[tasks.u]\nlog = \"x\"\n", func(r *rig) {
		gate := make(chan struct{})
		r.wrap = func(l ledger.Ledger) ledger.Ledger { return heldCommits{l, gate} }
		r.restart(0)
		s, ctx := r.Service(), r.t.Context()
		go func() { _, _ = s.Hold(ctx, api.Holding{Tasks: []string{"t"}}) }()
		synctest.Wait()
		answers := make(chan int, 2)
		status := func() {
			st, err := s.Status(ctx)
			if err != nil {
				t.Error(err)
			}
			answers <- st.Held
		}
		go status()
		if synctest.Wait(); len(answers) != 1 || <-answers != 0 {
			t.Fatal("the status before the hold is not answered during its commit")
		}
		if next, err := s.Next(ctx, api.NextQuery{N: 1}); err != nil || len(next) != 1 || next[0].Task != "t" {
			t.Errorf("next: %v, %v", next, err)
		}
		changed := false
		r.post(func() { changed = true })
		go status()
		if synctest.Wait(); len(answers) != 0 || changed {
			t.Error("a question overtook a change")
		}
		close(gate)
		if held := <-answers; held != 1 || !changed {
			t.Errorf("held: %d, changed: %v", held, changed)
		}
	})
}

// Questions of two changes in a row are all answered, by one or the other.
func TestQuestionsBetweenTwoCommits(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n[tasks.u]\nlog = \"x\"\n", func(r *rig) {
		s, ctx := r.Service(), r.t.Context()
		const many = 200
		answers := make(chan error, 2*many)
		for range many {
			go func() {
				_, err := s.Hold(ctx, api.Holding{Tasks: []string{"t", "u"}})
				answers <- err
			}()
			go func() { _, err := s.Status(ctx); answers <- err }()
		}
		for range cap(answers) {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	})
}
