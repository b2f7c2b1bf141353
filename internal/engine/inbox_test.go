package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// While a change is being committed, reads are served from the state before it; but none that
// was posted after a change that has not been made yet.
func TestReadsDuringACommit(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\ncron = \"@hourly\"\nlog = \"x\"\n[tasks.u]\nlog = \"x\"\n", func(r *rig) {
		gate := make(chan struct{})
		r.wrap = func(l ledger.Ledger) ledger.Ledger {
			return slowLedger{l, func(c ledger.Change) bool { return len(c.States) > 0 && c.WhileWaiting != nil }, gate}
		}
		r.restart(0)
		s, ctx := r.Service(), r.t.Context()
		var changed atomic.Bool
		change := func() { changed.Store(true) }
		hold := func() {
			r.post(func() { _ = r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Since: r.clock.Now()}) })
		}
		answers := make(chan api.Status, 1)
		status := func() {
			st, err := s.Status(ctx)
			if err != nil {
				t.Error(err)
			}
			answers <- st
		}
		hold()
		synctest.Wait()
		go status()
		if synctest.Wait(); len(answers) != 1 || (<-answers).Held != 0 {
			t.Fatal("the status before the hold is not served during its commit")
		}
		if next, err := s.Next(ctx, api.NextQuery{N: 1}); err != nil || len(next) != 1 || next[0].Task != "t" {
			t.Errorf("next: %v, %v", next, err)
		}
		for name, post := range map[string]func(){
			"posted during the commit": func() { r.post(change) },
			"posted with the hold": func() {
				gate <- struct{}{}
				synctest.Wait()
				r.mu.Lock() // so that both are of one turn
				r.changes = append(r.changes, func() { _ = r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Since: r.clock.Now()}) }, change)
				r.mu.Unlock()
				r.wake()
				synctest.Wait()
			},
		} {
			changed.Store(false)
			post()
			go status()
			if synctest.Wait(); len(answers) != 0 || changed.Load() {
				t.Errorf("%s: a read overtook a change", name)
			}
			gate <- struct{}{}
			if st := <-answers; st.Held != 1 || !changed.Load() {
				t.Errorf("%s: held: %d, changed: %v", name, st.Held, changed.Load())
			}
			hold()
			synctest.Wait()
		}
		close(gate)
	})
}

// Reads beside many changes are all served.
func TestReadsBesideChanges(t *testing.T) {
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

// A recurring request with a count that somebody else ends at its slot does not stop the
// engine.
func TestCountedRequestEndedByOthers(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		run, err := r.Service().Request(r.t.Context(), api.Request{Task: "t", Key: "x", On: "interval 10s count 3"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.pass(5 * time.Second)
		if _, err := r.ledger.Commit(r.t.Context(), ledger.Change{Moves: []ledger.Move{ledger.Cancel(run.ID, runner.Reason{Code: runner.ReasonCancelled, By: "ada"})}}); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Minute)
		r.inLoop(func(context.Context) error {
			if _, there := r.view.Find(run.ID); there {
				t.Error("it is still registered")
			}
			return nil
		})
		if runs, err := r.ledger.List(r.t.Context(), ledger.Filter{Task: "t"}); err != nil || len(runs) != 1 {
			t.Errorf("%v, %v", runs, err)
		}
	})
}

// replacing is a ledger in which a recurring request is replaced before the first commit that
// counts its runs.
type replacing struct {
	ledger.Ledger
	replace atomic.Pointer[func()]
}

func (l *replacing) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if len(c.Moves) > 0 {
		if replace := l.replace.Swap(nil); replace != nil {
			(*replace)()
		}
	}
	return l.Ledger.Commit(ctx, c)
}

// A recurring request with a count that is replaced while its last slot is recorded is the new
// one from then on.
func TestCountedRequestReplaced(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		book := &replacing{}
		r.wrap = func(l ledger.Ledger) ledger.Ledger { book.Ledger = l; return book }
		r.restart(0)
		request := func(on string) error {
			_, err := r.Service().Request(r.t.Context(), api.Request{Task: "t", Key: "x", On: on}, nil)
			return err
		}
		if err := request("interval 1h count 1"); err != nil {
			t.Fatal(err)
		}
		replace := func() {
			run, _, err := book.Ledger.Get(r.t.Context(), "t/x")
			if err != nil {
				t.Error(err)
			}
			run.On, run.Content = "interval 2h", "another"
			if _, err := book.Ledger.Commit(r.t.Context(), ledger.Change{Requests: []runner.Run{run}}); err != nil {
				t.Error(err)
			}
			r.post(func() { r.registerRequest(run) })
		}
		book.replace.Store(&replace)
		r.pass(time.Hour + time.Second)
		now, _, err := r.ledger.Get(r.t.Context(), "t/x")
		var known runner.Run
		r.inLoop(func(context.Context) error { known, _ = r.view.Find("t/x"); return nil })
		if book.replace.Load() != nil || err != nil || now.State != runner.Recurring || now.On != "interval 2h" || known.On != now.On {
			t.Errorf("recorded %+v, %v; known %+v", now, err, known)
		}
		r.pass(5 * time.Hour)
		if runs, err := r.ledger.List(r.t.Context(), ledger.Filter{Task: "t", Outcomes: []runner.Outcome{runner.OK}}); err != nil || len(runs) < 2 {
			t.Errorf("%v, %v", runs, err)
		}
	})
}
