package engine

import (
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
)

// A daemon that is killed after a hold has ended, but before the slots that fell into
// it are recorded, leaves them held.
func TestKilledAfterARelease(t *testing.T) {
	const every = "[tasks.t]\nlog = \"x\"\ncron = \"*/10 * * * *\"\nmissed = \"all\"\n"
	for _, c := range []struct {
		name string
		span time.Duration
		up   time.Duration // for which the first daemon is there, while it is held
		want string
	}{
		{"by itself", 30 * time.Minute, 0, "12:10:00-12:30:00×3 skipped, 12:40:00 catchup, 12:50:00"},
		{"by itself, and the slot at its end is free", 25 * time.Minute, 0, "12:10:00-12:20:00×2 skipped, 12:30:00 catchup, 12:40:00 catchup, 12:50:00"},
		{"and a slot of it is recorded already", 30 * time.Minute, 6 * time.Minute, "12:10:00-12:30:00×3 skipped, 12:40:00 catchup, 12:50:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, every, func(r *rig) {
				r.pass(5 * time.Minute)
				ada := r.ada()
				ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: c.span}))
				r.wrap = func(l ledger.Ledger) ledger.Ledger {
					d := &crashingLedger{Ledger: l}
					d.armed.Store(true)
					return d
				}
				r.pass(c.up)
				r.restart(40*time.Minute - c.up)
				if got := r.rows("t"); strings.Contains(got, ":20:00") {
					r.t.Errorf("the daemon was not killed in time: %s", got)
				}
				r.wrap = nil
				r.restart(0)
				r.pass(6 * time.Minute)
				r.want("t", c.want)
			})
		})
	}
}

// A daemon that is killed as soon as it has recorded the last failure that a task may
// have leaves it held.
func TestKilledAfterTheLastFailure(t *testing.T) {
	const fails = "[tasks.t]\nat = [\"12:01\", \"12:02\", \"12:03\", \"12:04\"]\nhold_after = 2\nwrite = { path = \"no/such/directory\", text = \"x\" }\n"
	inBubble(t, noon, fails, func(r *rig) {
		var book *crashingLedger
		r.wrap = func(l ledger.Ledger) ledger.Ledger { book = &crashingLedger{Ledger: l}; return book }
		r.restart(0)
		r.pass(90 * time.Second)
		book.armed.Store(true)
		r.pass(time.Minute)
		r.wrap = nil
		r.restart(0)
		r.pass(2 * time.Minute)
		r.want("t", "12:01:00 failed, 12:02:00 failed, 12:03:00-12:04:00×2 skipped")
		r.ada().must(r.ada().Release(r.t.Context(), "t"))
	})
}

// So does one that is killed when a slot supersedes the next attempt of a run that had
// failed.
func TestKilledAfterTheLastFailureWasSuperseded(t *testing.T) {
	const fails = "[tasks.t]\nat = [\"12:01\", \"12:02\", \"12:03\"]\nhold_after = 1\nretry = { max = 1, delay = \"1h\" }\nwrite = { path = \"no/such/directory\", text = \"x\" }\n"
	inBubble(t, noon, fails, func(r *rig) {
		var book *crashingLedger
		r.wrap = func(l ledger.Ledger) ledger.Ledger { book = &crashingLedger{Ledger: l}; return book }
		r.restart(0)
		r.pass(90 * time.Second)
		book.armed.Store(true)
		r.pass(time.Minute)
		r.wrap = nil
		r.restart(0)
		state, err := r.ledger.Task(r.t.Context(), "t")
		if err != nil || state.Hold == nil || state.Hold.By != "rota" {
			r.t.Errorf("not held: %+v, %v", state.Hold, err)
		}
		r.pass(time.Minute)
		if got := r.rows("t"); !strings.HasPrefix(got, "12:01:00 failed, 12:02:00") || !strings.HasSuffix(got, "12:03:00-12:03:00×1 skipped") {
			r.t.Error(got)
		}
	})
}
