package plan

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rota/schedule"
)

// With each_run the slots come due in their order, each before the next one, at the same
// instants for every caller.
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
			d := NewDelay("t", spec, until)
			var slots, dues []time.Time
			delays := map[time.Duration]bool{}
			for slot := begin; len(slots) < 400; {
				if slot = d.slots.Next(slot); slot.IsZero() {
					break
				}
				due := slot.Add(d.Of(slot))
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
				if got := d.Slot(dues[i]); !got.Equal(slots[i]) {
					t.Fatalf("%s: %v is of %v, want %v", text, dues[i], got, slots[i])
				}
				if want.IsZero() {
					continue
				}
				if got := d.slots.Next(d.After(at)); !got.Equal(slots[k]) {
					t.Fatalf("%s: what comes due after %v is %v, want %v", text, at, got, slots[k])
				}
				if got := d.Next(d.Before(slots[i])); !got.Equal(dues[i]) {
					t.Fatalf("%s: from %v on comes due %v, want %v", text, slots[i], got, dues[i])
				}
			}
		}
	}
}
