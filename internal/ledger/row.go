package ledger

import (
	"cmp"
	"maps"
	"strconv"
	"strings"
	"time"

	"rota/runner"
)

// row is the record of one run, or of summarized slots.
type row struct {
	number         int64 // increases with each row; 0: not written yet
	slot           slot
	run            runner.Run
	transitions    []runner.Transition
	savedState     runner.State // as it was put last
	unsaved        bool         // put and not written yet; for SQLite
	savedStarted   time.Time    // Started as written; for SQLite
	requestChanged bool         // the content of the request has changed and is not written yet; for SQLite
}

// isPending reports whether the run has neither started nor ended.
func (r *row) isPending() bool { return r.run.State != "" && r.run.State != runner.Running }

// stateOrOutcome returns the state or the outcome, for messages.
func (r *row) stateOrOutcome() string { return cmp.Or(string(r.run.State), string(r.run.Outcome)) }

// mayBeNewest reports whether the row may be the newest run of its task.
func (r *row) mayBeNewest() bool {
	return !r.run.IsSummary() && (r.run.State != "" || !r.run.Started.IsZero())
}

// olderThan reports whether s comes before r in the order of [Reader.Newest].
func (r *row) olderThan(s *row) bool {
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

// export returns a copy of the run for the caller.
func (r *row) export() runner.Run { return cloneRun(r.run) }

// cloneRun returns a deep copy of the run.
func cloneRun(run runner.Run) runner.Run {
	if run.Exit != nil {
		run.Exit = new(*run.Exit)
	}
	run.Params = maps.Clone(run.Params)
	return run
}

// normalizeRun returns a deep copy of the run with its times normalized.
func normalizeRun(run runner.Run) runner.Run {
	run = cloneRun(run)
	for _, t := range []*time.Time{
		&run.Scheduled, &run.Queued, &run.Started, &run.Finished, &run.First, &run.Last, &run.NotBefore,
	} {
		*t = normalizeTime(*t)
	}
	return run
}

// normalizeTime returns t in UTC, truncated to the microsecond, as a ledger stores it.
func normalizeTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// merge adds a later summary to the summary row r if outcome, reason, parent and epoch
// are the same, and reports whether it did.
func (r *row) merge(summary runner.Run, s slot) bool {
	if !r.run.IsSummary() || r.run.Outcome != summary.Outcome || !r.run.Reason.Same(summary.Reason) || r.run.Why != summary.Why || r.run.By != summary.By ||
		r.run.Parent != summary.Parent || r.slot.request != s.request || r.slot.epoch != s.epoch || !summary.First.After(r.run.Last) {
		return false
	}
	r.run.Count += summary.Count
	r.run.Last, r.run.Finished, r.run.Revision = summary.Last, summary.Finished, summary.Revision
	return true
}

// covers reports whether the summary row includes the slot.
func (r *row) covers(s slot) bool {
	return r.run.IsSummary() && s.epoch > 0 && r.slot.request == s.request && r.slot.epoch == s.epoch && !s.at.Before(r.slot.at) && !s.at.After(r.run.Last)
}

// slot is the slot that the id of a run names.
type slot struct {
	request string // the key of the recurring request; "": a slot of the task itself
	epoch   int    // from 1; 0: the id is that of a request
	at      time.Time
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
		s.request = of
	}
	return s
}

// instantOf parses the key of a slot without its request.
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

// idAt is the id of the run of a slot; owner is a task or the id of a recurring request.
func idAt(owner string, at time.Time, epoch int) string {
	if strings.Contains(owner, "/") {
		return runner.RecurringID(owner, at, epoch)
	}
	return runner.SlotID(owner, at, epoch)
}

func compareSlots(r *row, s slot) int {
	return cmp.Or(cmp.Compare(r.slot.request, s.request), cmp.Compare(r.slot.epoch, s.epoch), r.slot.at.Compare(s.at))
}
