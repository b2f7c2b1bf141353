package daemon

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/schedule"
)

// With each_run the slots come due in their order, each before the next one, at
// instants that are the same whoever asks, and from wherever.
func TestEachRun(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"interval 1s jitter 10m each_run true", "interval 1m jitter 1h each_run true", "*/5 * * * * jitter 4m each_run true",
		"* 8-9 * * * jitter 10h each_run true", "at 08:00, 08:01, 20:00 jitter 1h each_run true", "once 2026-11-21T13:00:00Z jitter 1h each_run true",
	} {
		spec, faults := schedule.ParseExpr(text, time.UTC)
		if faults != nil {
			t.Fatal(text, faults)
		}
		spec = spec.From(begin)
		for _, until := range []time.Time{{}, begin.Add(30 * time.Hour)} {
			d := newDelay("t", spec, until)
			var slots, dues []time.Time
			delays := map[time.Duration]bool{}
			for slot := begin; len(slots) < 400; {
				if slot = d.slots.Next(slot); slot.IsZero() {
					break
				}
				due := slot.Add(d.of(slot))
				if due.Sub(slot) >= spec.Jitter() {
					t.Fatalf("%s: %v comes due at %v", text, slot, due)
				}
				if next := spec.Next(slot); !next.IsZero() && !due.Before(next) {
					t.Fatalf("%s: %v comes due at %v, after %v", text, slot, due, next)
				}
				delays[due.Sub(slot)] = true
				slots, dues = append(slots, slot), append(dues, due)
			}
			if len(slots) > 50 && len(delays) < 3 && text[:11] != "interval 1s" {
				t.Errorf("%s: the delays are %v", text, delays)
			}
			for range 300 {
				i := r.IntN(len(slots))
				at := slots[i].Add(time.Duration(r.Int64N(int64(2 * time.Minute))))
				want := time.Time{}
				k, _ := slices.BinarySearchFunc(dues, at.Add(1), time.Time.Compare)
				if k < len(dues) {
					want = dues[k]
				} else if len(slots) == 400 {
					continue
				}
				if got := d.Next(at); !got.Equal(want) {
					t.Fatalf("%s: after %v comes %v, want %v", text, at, got, want)
				}
				if got := d.slot(dues[i]); !got.Equal(slots[i]) {
					t.Fatalf("%s: %v is of %v, want %v", text, dues[i], got, slots[i])
				}
				if want.IsZero() {
					continue
				}
				if got := d.slots.Next(d.after(at)); !got.Equal(slots[k]) {
					t.Fatalf("%s: what comes due after %v is %v, want %v", text, at, got, slots[k])
				}
				if got := d.Next(d.before(slots[i])); !got.Equal(dues[i]) {
					t.Fatalf("%s: from %v on comes due %v, want %v", text, slots[i], got, dues[i])
				}
			}
		}
	}
}

// What rota tells of the delay of a slot is what the slot gets, in order.
func TestEachRunIsKnownBefore(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\ncron = \"0 * * * *\"\njitter = \"59m\"\neach_run = true\nlog = \"x\"\n", func(r *rig) {
		spec := r.cfg.Tasks["t"].Triggers[0]
		var want []time.Time
		for i := range 6 {
			slot := r.start.Add(time.Duration(i+1) * time.Hour)
			want = append(want, slot.Add(newDelay("t", spec, time.Time{}).of(slot)))
		}
		r.pass(7*time.Hour - time.Second)
		runs, err := r.ledger.List(t.Context(), ledger.Filter{})
		if err != nil || len(runs) != 6 {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
		for i, run := range slices.Backward(runs) {
			at := want[len(runs)-1-i]
			if slot := r.start.Add(time.Duration(len(runs)-i) * time.Hour); !run.Scheduled.Equal(slot) || !run.Started.Equal(at) {
				t.Errorf("the slot of %v is recorded as %v and started at %v, want %v", slot, run.Scheduled, run.Started, at)
			}
		}
	})
}
