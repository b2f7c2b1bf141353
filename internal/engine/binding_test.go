package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/ledger"
	"rota/runner"
)

// owner returns a client with the rights of the tasks' user and no others.
func (r *rig) owner() client { return r.caller(api.Caller{Who: "bob"}, api.MayOwn) }

// caller returns a client with a scope for the task t.
func (r *rig) caller(c api.Caller, may api.Scope) client {
	t := func(task string) bool { return task == "t" }
	c.Grants = append(c.Grants, api.Grant{May: may, Tasks: t, OfRun: c.Account != ""})
	s := rateLimited{r.service(), &r.pace}
	return client{control.Guard(s, c), r.t.Context(), r.t}
}

// A hold by a caller who may control a task cannot be released or overridden by its
// owner; a hold by its owner or by rota can be by everybody.
func TestBindingHolds(t *testing.T) {
	hold := func(a client) error {
		_, err := a.Hold(a.ctx, api.Holding{Tasks: []string{"t"}, Why: "looked at"})
		return err
	}
	release := func(a client) error { _, err := a.Release(a.ctx, "t"); return err }
	force := func(a client) error {
		_, err := a.Request(a.ctx, api.Request{Task: "t", Force: true}, nil)
		return err
	}
	briefly := func(a client) error {
		_, err := a.Hold(a.ctx, api.Holding{Tasks: []string{"t"}, For: time.Second})
		return err
	}
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\nhold_after = 1\n[tasks.u]\nlog = \"x\"\n", func(r *rig) {
		bob, root := r.owner(), r.ada()
		token := r.caller(api.Caller{Who: "token ops"}, api.MayControl)
		run := r.caller(api.Caller{Who: "run t/x", Account: "bob"}, api.MayControl)
		for _, test := range []struct {
			name      string
			hold, who client
			want      api.Code
		}{
			{"root's, by the owner", root, bob, api.Forbidden},
			{"root's, by a run of the task", root, run, api.Forbidden},
			{"a token's, by the owner", token, bob, api.Forbidden},
			{"root's, by a token", root, token, ""},
			{"root's, by root", root, root, ""},
			{"the owner's, by the owner", bob, bob, ""},
			{"the owner's, by a run", bob, run, ""},
			{"a run's, by the owner", run, bob, ""},
			{"the owner's, by root", bob, root, ""},
		} {
			for what, override := range map[string]func(client) error{"release": release, "run --force": force, "hold --for": briefly} {
				if err := hold(test.hold); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				err := override(test.who)
				if api.CodeOf(err) != test.want {
					t.Errorf("%s: %s: %v", test.name, what, err)
				}
				synctest.Wait()
				_ = release(root)
				r.pass(2 * time.Second)
			}
		}
	})
}

// Runs that were forced, or held, before a binding hold keep their state, also over a
// restart.
func TestBindingHoldsWhatWaits(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		state := func(id string) string {
			run, _, err := r.ledger.Get(t.Context(), id)
			if err != nil {
				t.Error(err)
			}
			return string(run.State) + string(run.Outcome)
		}
		bob, root := r.owner(), r.ada()
		bob.run(api.Request{Key: "bobs", Force: true, In: time.Minute})
		root.run(api.Request{Key: "roots", Force: true, In: time.Minute})
		root.run(api.Request{Key: "held", Held: true})
		bob.run(api.Request{Key: "own", Held: true})
		root.must(root.Hold(root.ctx, api.Holding{Tasks: []string{"t"}}))
		r.restart(0)
		r.pass(2 * time.Minute)
		if bobs, roots := state("t/bobs"), state("t/roots"); bobs != "queued" || roots != "ok" {
			t.Errorf("the owner's is %s, root's %s", bobs, roots)
		}
		bob, root = r.owner(), r.ada()
		bob.refused(api.Forbidden)(bob.Release(bob.ctx, "t/held"))
		bob.must(bob.Release(bob.ctx, "t/own"))
		root.must(root.Release(root.ctx, "t/held"))
		root.must(root.Release(root.ctx, "t"))
		for _, id := range []string{"t/bobs", "t/held", "t/own"} {
			if got := state(id); got != "ok" {
				t.Errorf("%s is %s after the release", id, got)
			}
		}
	})
}

// The hold of a task that fails again and again is its owner's to release.
func TestHoldAfterIsTheOwnersToRelease(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\nhold_after = 1\n", func(r *rig) {
		done := make(chan struct{})
		r.post(func() {
			run := runner.Run{ID: "t/x", Task: "t", Outcome: runner.Failed}
			held, err := r.holdAfterFailures(context.Background(), run, r.policyOf("t"), 1)
			if err == nil {
				err = short(r.ledger).SetTask(context.Background(), held.Name, held.Prev, held.Next, held.Events...)
			}
			if err != nil {
				t.Error(err)
			}
			r.applyHold(run, *held)
			close(done)
		})
		<-done
		if state, err := r.ledger.Task(t.Context(), "t"); err != nil || state.Hold == nil || state.Hold.Binding {
			t.Errorf("%+v, %v", state.Hold, err)
		}
		bob := r.owner()
		bob.must(bob.Release(bob.ctx, "t"))
	})
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		hold := ledger.Hold{By: "ann", Since: r.start} // as an earlier version has recorded it
		done := make(chan error)
		r.post(func() { done <- r.holdTasks(context.Background(), []string{"t"}, hold) })
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.restart(0)
		bob := r.owner()
		bob.must(bob.Release(bob.ctx, "t"))
	})
}
