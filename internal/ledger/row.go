package ledger

import (
	"cmp"
	"maps"
	"strconv"
	"strings"
	"time"

	"rota/runner"
)

// row is what is written of one run, or of slots folded into one.
type row struct {
	number int64 // grows with each row: the order of writing; 0: not written yet
	slot   slot
	run    runner.Run
	steps  []runner.Transition
	was    runner.State // as it is written
}

// waits reports whether the run has neither started nor ended.
func (r *row) waits() bool { return r.run.State != "" && r.run.State != runner.Running }

// where returns the state or the outcome, for people.
func (r *row) where() string { return cmp.Or(string(r.run.State), string(r.run.Outcome)) }

// copy returns the run for the world outside.
func (r *row) copy() runner.Run { return own(r.run) }

// own returns the run with nothing shared.
func own(run runner.Run) runner.Run {
	if run.Exit != nil {
		run.Exit = new(*run.Exit)
	}
	run.Params = maps.Clone(run.Params)
	return run
}

// kept returns the run as a ledger keeps it.
func kept(run runner.Run) runner.Run {
	run = own(run)
	for _, t := range []*time.Time{
		&run.Scheduled, &run.Queued, &run.Started, &run.Finished, &run.First, &run.Last, &run.NotBefore,
	} {
		*t = instant(*t)
	}
	return run
}

// instant returns t as a ledger keeps it: in UTC, to the microsecond.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// absorb adds a fold that comes later to r, if that has the same fate, and
// reports whether it did.
func (r *row) absorb(fold runner.Run, s slot) bool {
	if !r.run.Folded() || r.run.Outcome != fold.Outcome || r.run.Why != fold.Why || r.run.By != fold.By ||
		r.slot.epoch != s.epoch || !fold.First.After(r.run.Last) {
		return false
	}
	r.run.Count += fold.Count
	r.run.Last, r.run.Finished, r.run.Revision = fold.Last, fold.Finished, fold.Revision
	return true
}

// covers reports whether the slot lies in the folded row.
func (r *row) covers(s slot) bool {
	return r.run.Folded() && s.epoch > 0 && r.slot.epoch == s.epoch && !s.at.Before(r.slot.at) && !s.at.After(r.run.Last)
}

// slot is what the id of a slot's run says of it.
type slot struct {
	epoch int // from 1; 0: the id is a request's
	at    time.Time
}

func slotOf(id string) slot {
	task, key := runner.SplitID(id)
	if !strings.ContainsRune(key, 'Z') {
		return slot{}
	}
	key, nth, later := strings.Cut(key, "~")
	s := slot{epoch: 1}
	if later {
		s.epoch, _ = strconv.Atoi(nth)
	}
	s.at, _ = time.Parse("20060102T150405Z", key)
	if runner.SlotID(task, s.at, s.epoch) != id {
		return slot{}
	}
	return s
}

func bySlot(r *row, s slot) int {
	return cmp.Or(cmp.Compare(r.slot.epoch, s.epoch), r.slot.at.Compare(s.at))
}
