package plan

import (
	"hash/fnv"
	"time"

	"rota/schedule"
)

// Delay is the delay by jitter between the slots of a trigger and the instants at which
// they are due. Slots themselves do not move. Either all slots have the same delay on this
// machine, or with each_run each has a different one: it is derived from the slot, so that
// it is known in advance, and is shorter than the time to the next slot, so that slots are
// due in their order.
type Delay struct {
	spec  schedule.Spec
	slots schedule.Schedule // the slots of spec, up to its end
	By    time.Duration     // the delay of each slot; with each_run the longest
	seed  uint64            // 0: without each_run
}

// NewDelay returns the delay of the slots of a trigger of a task. The trigger has no slots
// from until on; zero: no end.
func NewDelay(task string, spec schedule.Spec, until time.Time) Delay {
	d := Delay{spec: spec, slots: spec, By: spec.Jitter()}
	if !until.IsZero() {
		d.slots = ending{spec, until}
	}
	if spec.EachRun() {
		d.seed = hashOf(machineID(), task) | 1
	} else {
		d.By = Spread(task, spec.Jitter())
	}
	return d
}

// Of returns the delay of a slot.
func (d Delay) Of(slot time.Time) time.Duration {
	if d.seed == 0 {
		return d.By
	}
	most := d.By
	if next := d.spec.Next(slot); !next.IsZero() {
		most = min(most, next.Sub(slot))
	}
	return time.Duration(mix(d.seed^uint64(slot.Unix()))%uint64(most/time.Second)) * time.Second
}

// Next implements [schedule.Schedule]: it returns the first instant after another at
// which a slot is due, its delay included.
func (d Delay) Next(after time.Time) time.Time {
	slot := time.Time{}
	if d.seed == 0 {
		slot = d.slots.Next(after.Add(-d.By))
	} else if slot = d.newest(after); slot.IsZero() || !slot.Add(d.Of(slot)).After(after) {
		slot = d.slots.Next(after)
	}
	if slot.IsZero() {
		return slot
	}
	return slot.Add(d.Of(slot))
}

// newest returns the newest slot up to an instant, which may not be due yet then; zero:
// none.
func (d Delay) newest(at time.Time) time.Time {
	found := func(from time.Time) (time.Time, bool) {
		slot := d.slots.Next(from)
		return slot, !slot.IsZero() && !slot.After(at)
	}
	low := at.Add(-d.By - time.Nanosecond)
	slot, ok := found(low)
	if !ok {
		return time.Time{}
	}
	for high := at; high.Sub(low) > time.Second; {
		middle := low.Add(high.Sub(low) / 2)
		if later, ok := found(middle); ok {
			slot, low = later, later
		} else {
			high = middle
		}
	}
	if last, ok := found(low); ok {
		slot = last
	}
	return slot
}

// Slot returns the slot that is due at an instant.
func (d Delay) Slot(due time.Time) time.Time {
	if d.seed == 0 {
		return due.Add(-d.By)
	}
	return d.newest(due)
}

// Before returns an instant such that the slots that are due after it are those at or after
// the instant slots.
func (d Delay) Before(slots time.Time) time.Time {
	if d.seed == 0 {
		return slots.Add(d.By - time.Nanosecond)
	}
	slot := d.slots.Next(slots.Add(-time.Nanosecond))
	if slot.IsZero() {
		return slots.Add(d.By)
	}
	return slot.Add(d.Of(slot) - time.Nanosecond)
}

// After returns an instant such that the slots after it are those that are due after the
// instant due.
func (d Delay) After(due time.Time) time.Time {
	if d.seed == 0 {
		return due.Add(-d.By)
	}
	if next := d.Next(due); !next.IsZero() {
		return d.Slot(next).Add(-time.Nanosecond)
	}
	return due
}

// Note returns the note on the delay of a slot; "": no delay.
func (d Delay) Note(slot time.Time) string {
	if by := d.Of(slot); by > 0 {
		return "jitter +" + schedule.FormatDuration(by)
	}
	return ""
}

// JitterNote returns the note on the delay of a slot on this machine: "jitter +2m"; "": no
// delay.
func JitterNote(task string, spec schedule.Spec, slot time.Time) string {
	return NewDelay(task, spec, time.Time{}).Note(slot)
}

func hashOf(machine, task string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(machine + "\x00" + task))
	return h.Sum64()
}

// mix spreads the bits of a number over all of them (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
