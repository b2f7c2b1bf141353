package ledger

import (
	"cmp"
	"maps"
	"strconv"
	"strings"
	"time"

	"rota/runner"
)

// row is what is written of one run, or of slots summarized into one.
type row struct {
	number int64 // grows with each row: the order of writing; 0: not written yet
	slot   slot
	run    runner.Run
	steps  []runner.Transition
	was    runner.State // as it was put last
	dirty  bool         // it was put and is not written yet; for SQLite
	began  time.Time    // as it is written; for SQLite
	asked  bool         // what it asks for has changed and is not written yet; for SQLite
}

// waits reports whether the run has neither started nor ended.
func (r *row) waits() bool { return r.run.State != "" && r.run.State != runner.Running }

// where returns the state or the outcome, for people.
func (r *row) where() string { return cmp.Or(string(r.run.State), string(r.run.Outcome)) }

// counts reports whether the row may be the newest run of its task.
func (r *row) counts() bool {
	return !r.run.IsSummary() && (r.run.State != "" || !r.run.Started.IsZero())
}

// before reports whether s is newer than r, as [Reader.Newest] means it, or
// counts more.
func (r *row) before(s *row) bool {
	rank := func(r *row) int {
		switch {
		case r.run.State == runner.Running:
			return 2
		case !r.run.Started.IsZero():
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(rank(r), rank(s)), r.run.Started.Compare(s.run.Started), cmp.Compare(r.number, s.number)) < 0
}

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

// absorb adds a summary that comes later to r, if that has the same fate, and
// reports whether it did.
func (r *row) absorb(summary runner.Run, s slot) bool {
	if !r.run.IsSummary() || r.run.Outcome != summary.Outcome || !r.run.Reason.Same(summary.Reason) || r.run.Why != summary.Why || r.run.By != summary.By ||
		r.run.Parent != summary.Parent || r.slot.of != s.of || r.slot.epoch != s.epoch || !summary.First.After(r.run.Last) {
		return false
	}
	r.run.Count += summary.Count
	r.run.Last, r.run.Finished, r.run.Revision = summary.Last, summary.Finished, summary.Revision
	return true
}

// covers reports whether the slot lies in the summary row.
func (r *row) covers(s slot) bool {
	return r.run.IsSummary() && s.epoch > 0 && r.slot.of == s.of && r.slot.epoch == s.epoch && !s.at.Before(r.slot.at) && !s.at.After(r.run.Last)
}

// slot is what the id of a slot's run says of it.
type slot struct {
	of    string // the key of the recurring request that it is of; "": it is the task's own
	epoch int    // from 1; 0: the id is a request's
	at    time.Time
}

// slotOf reads an id as [runner.SlotID] writes it, or [runner.RecurringID].
func slotOf(id string) slot {
	_, key := runner.SplitID(id)
	of := ""
	if i := strings.LastIndexByte(key, '.'); i > 0 {
		of, key = key[:i], key[i+1:]
	}
	s := instantOf(key)
	if s.epoch > 0 {
		s.of = of
	}
	return s
}

// instantOf reads a key without the request before it.
func instantOf(key string) slot {
	key, nth, later := strings.Cut(key, "~")
	if len(key) != len("20060102T150405Z") || key[8] != 'T' || key[15] != 'Z' {
		return slot{}
	}
	var part [6]int // year, month, day, hour, minute, second
	for i, from := range []int{0, 4, 6, 9, 11, 13} {
		to := from + 2
		if i == 0 {
			to = 4
		}
		for _, digit := range []byte(key[from:to]) {
			if digit < '0' || digit > '9' {
				return slot{}
			}
			part[i] = 10*part[i] + int(digit-'0')
		}
	}
	s := slot{epoch: 1, at: time.Date(part[0], time.Month(part[1]), part[2], part[3], part[4], part[5], 0, time.UTC)}
	year, month, day := s.at.Date()
	hour, minute, second := s.at.Clock()
	if part != [6]int{year, int(month), day, hour, minute, second} {
		return slot{} // as 31 February
	}
	if later {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 2 || strconv.Itoa(n) != nth {
			return slot{}
		}
		s.epoch = n
	}
	return s
}

// idAt is the id of the run of a slot of a task or recurring request.
func idAt(of string, at time.Time, epoch int) string {
	if strings.Contains(of, "/") {
		return runner.RecurringID(of, at, epoch)
	}
	return runner.SlotID(of, at, epoch)
}

func bySlot(r *row, s slot) int {
	return cmp.Or(cmp.Compare(r.slot.of, s.of), cmp.Compare(r.slot.epoch, s.epoch), r.slot.at.Compare(s.at))
}
