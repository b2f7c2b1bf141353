package engine

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"rota/config"
	"rota/internal/disktest"
	"rota/internal/ledger"
)

// The targets of on_trouble are notified once of each trouble, of one that returns after a while
// again, and never of themselves.
func TestOnTrouble(t *testing.T) {
	const jobs = "on_trouble = [\"ops\"]\n[notify.ops]\ncommand = \"x\"\n[tasks.t]\ncron = \"* * * * *\"\nlog = \"x\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		var e fakeTarget
		r.notifyTo(&e)
		low := false
		set := func(full bool) {
			r.inLoop(func(context.Context) error {
				low, r.options.DiskLow = full, func() bool { return low }
				return nil
			})
		}
		const full = "the disk is full: outputs are not kept"
		set(true)
		r.pass(time.Hour)
		r.wantNotices(&e, full)
		set(false)
		r.pass(5 * time.Minute)
		set(true)
		r.pass(time.Hour)
		r.wantNotices(&e, "")
		set(false)
		r.pass(15 * time.Minute)
		set(true)
		r.pass(time.Minute)
		r.wantNotices(&e, full)

		r.setTargetError("ops", "unreachable")
		r.wantNotices(&e, "")
		r.setTargetError("mail", "unreachable")
		r.pass(time.Minute)
		r.setTargetError("mail", "")
		r.wantNotices(&e, "notifications cannot be delivered to mail: unreachable")

		r.onLedgerEvent(ledger.Event{Kind: "damage", Text: "row 16 is flipped"})
		r.pass(time.Minute)
		r.wantNotices(&e, "the ledger is damaged: row 16 is flipped")

		r.inLoop(func(context.Context) error {
			now := r.clock.Now()
			r.noteLateness(now.Add(time.Minute+12*time.Second), now, time.Minute+12*time.Second)
			return nil
		})
		r.pass(time.Hour)
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.received) != 1 || !strings.HasPrefix(e.received[0], "scheduling was ") {
			t.Errorf("received %q, want that scheduling was late, once", e.received)
		}
	})
}

// A target that cannot be reached is a trouble of which the others are notified.
func TestTroubleOfATarget(t *testing.T) {
	const jobs = "[notify.ops]\ncommand = \"x\"\n[tasks.t]\ncron = \"* * * * *\"\nlog = \"x\"\non_success = [\"ops\"]\n"
	inBubble(t, noon, jobs, func(r *rig) {
		e := fakeTarget{unreachable: true}
		r.notifyTo(&e)
		failing := func() (text string) {
			r.inLoop(func(context.Context) error { text = r.alarms.unreachable["ops"]; return nil })
			return text
		}
		r.pass(time.Minute)
		if text := failing(); text != "" {
			t.Errorf("after the first try: %q", text)
		}
		r.pass(time.Minute)
		if text := failing(); text != "unreachable" {
			t.Errorf("after some tries: %q", text)
		}
		e.set(false)
		r.pass(10 * time.Minute)
		if text := failing(); text != "" {
			t.Errorf("once it can be reached: %q", text)
		}
	})
}

// Late is what waited longer than it had to while the machine was awake.
func TestNoteLateness(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\nat = \"12:01\"\nlog = \"x\"\n", func(r *rig) {
		before := r.clock.Now()
		due := before.Add(time.Minute)
		for _, test := range []struct {
			what   string
			now    time.Time
			passed time.Duration
			want   time.Duration
		}{
			{"in time", due, time.Minute, 0},
			{"a little late", due.Add(5 * time.Second), 65 * time.Second, 0},
			{"too late", due.Add(15 * time.Second), 75 * time.Second, 15 * time.Second},
			{"the machine slept", due.Add(time.Hour), 30 * time.Second, 0},
			{"the clock was set", due.Add(time.Hour), time.Minute, 0},
			{"not due", due.Add(-time.Second), 20 * time.Minute, 0},
		} {
			r.inLoop(func(context.Context) error {
				r.alarms = alarms{}
				r.noteLateness(test.now, before, test.passed)
				if r.alarms.lateBy != test.want {
					t.Errorf("%s: late by %v, want %v", test.what, r.alarms.lateBy, test.want)
				}
				return nil
			})
		}
	})
}

// Where files are scarce no outputs are made, and the status says so.
func TestLacksInodes(t *testing.T) {
	disktest.OnSmallDisk(t, "1m,nr_inodes=20", func(t *testing.T, disk string) {
		l := New(Options{Config: &config.Config{}, StateDir: disk})
		if l.lacksInodes() || len(l.currentTroubles()) > 0 {
			t.Errorf("on an empty disk: %v", l.currentTroubles())
		}
		for i := range 10 {
			must(t, os.WriteFile(disk+"/"+strings.Repeat("x", i+1), nil, 0o600))
		}
		if all := l.currentTroubles(); !l.lacksInodes() || len(all) != 1 || !strings.Contains(all[0].text, "no free inodes") {
			t.Errorf("without inodes: %v", all)
		}
	})
}
