package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/runner"
)

// row is what is written of one run, or of slots folded into one.
type row struct {
	number int // grows with each row: the order of writing
	slot   slot
	run    runner.Run
	steps  []runner.Transition
	token  string // of its lease; "": nobody leases it
}

// waits reports whether the run has neither started nor ended.
func (r *row) waits() bool { return r.run.State != "" && r.run.State != runner.Running }

// copy returns the run for the world outside.
func (r *row) copy() runner.Run {
	run := r.run
	if run.Exit != nil {
		run.Exit = new(*run.Exit)
	}
	return run
}

// history is what is known of the runs of one task.
type history struct {
	rows  []*row // in the order of writing
	folds []*row // the folded ones among them, by slot
	ended int    // how many of the others have an outcome
}

// join adds a fold to the newest row, if that has the same fate, and reports
// whether it did.
func (h *history) join(fold runner.Run, s slot) bool {
	if len(h.rows) == 0 {
		return false
	}
	newest := h.rows[len(h.rows)-1]
	r := &newest.run
	if !r.Folded() || r.Outcome != fold.Outcome || r.Why != fold.Why || r.By != fold.By ||
		newest.slot.epoch != s.epoch || !fold.First.After(r.Last) {
		return false
	}
	r.Count += fold.Count
	r.Last, r.Finished, r.Revision = fold.Last, fold.Finished, fold.Revision
	return true
}

// fold returns the folded row that the slot lies in but does not begin, or nil.
func (h *history) fold(s slot) *row {
	i, _ := slices.BinarySearchFunc(h.folds, s, bySlot)
	if i == 0 || h.folds[i-1].slot.epoch != s.epoch || s.at.After(h.folds[i-1].run.Last) {
		return nil
	}
	return h.folds[i-1]
}

func bySlot(r *row, s slot) int {
	return cmp.Or(cmp.Compare(r.slot.epoch, s.epoch), r.slot.at.Compare(s.at))
}

// slot is what the id of a slot's run says of it.
type slot struct {
	epoch int // from 1; 0: the id is a request's
	at    time.Time
}

func slotOf(id string) slot {
	task, key := runner.SplitID(id)
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

// find returns the row that an id stands for, or nil.
func (m *Memory) find(id string) *row {
	if r := m.rows[id]; r != nil {
		return r
	}
	task, _ := runner.SplitID(id)
	h := m.tasks[task]
	if h == nil || len(h.folds) == 0 {
		return nil
	}
	if s := slotOf(id); s.epoch > 0 {
		return h.fold(s)
	}
	return nil
}

// add writes a row, unless its id is there already.
func (m *Memory) add(run runner.Run) {
	if m.find(run.ID) != nil {
		return
	}
	h := m.tasks[run.Task]
	if h == nil {
		h = &history{}
		m.tasks[run.Task] = h
	}
	s := slotOf(run.ID)
	if run.Folded() && h.join(run, s) {
		return
	}
	m.last++
	r := &row{number: m.last, slot: s, run: run}
	r.run = r.copy()
	m.rows[run.ID] = r
	h.rows = append(h.rows, r)
	if run.Folded() {
		i, _ := slices.BinarySearchFunc(h.folds, s, bySlot)
		h.folds = slices.Insert(h.folds, i, r)
	}
	r.run.State = "" // it enters its first one by a step, like all others
	m.step(r, runner.Transition{
		Time:  cmp.Or(run.Finished, run.Started, run.Queued),
		State: run.State, Outcome: run.Outcome, Why: run.Why,
	})
}

// step moves a row on; t has a state or an outcome.
func (m *Memory) step(r *row, t runner.Transition) {
	if t.Time.IsZero() {
		t.Time = m.o.Now()
	}
	if r.run.State == runner.Queued {
		m.queued[r.run.Queue]--
	}
	r.run.State, r.run.Outcome, r.run.Why = t.State, t.Outcome, t.Why
	r.steps = append(r.steps, t)
	if t.State == runner.Queued {
		r.run.Queued = t.Time
		m.queued[r.run.Queue]++
	}
	if t.State != runner.Running {
		r.token = ""
	}
	if t.Outcome == "" {
		return
	}
	r.run.Finished = t.Time
	h := m.tasks[r.run.Task]
	if !r.run.Folded() {
		h.ended++
	}
	if _, err := m.forget(h, keepRuns); err != nil {
		m.event(Event{Kind: "history", Task: r.run.Task, Text: err.Error()})
	}
}

// forget removes what ended in h, with its outputs, but the newest keep runs
// and keep folds.
func (m *Memory) forget(h *history, keep int) (int, error) {
	runs, folds := h.ended-keep, len(h.folds)-keep
	if runs <= 0 && folds <= 0 {
		return 0, nil
	}
	var errs []error
	before := len(h.rows)
	h.rows = slices.DeleteFunc(h.rows, func(r *row) bool {
		beyond := &runs
		if r.run.Folded() {
			beyond = &folds
		}
		if r.run.State != "" || *beyond <= 0 {
			return false
		}
		*beyond--
		delete(m.rows, r.run.ID)
		if r.run.Folded() {
			return true
		}
		h.ended--
		if m.o.LogPath != nil {
			if err := os.Remove(m.o.LogPath(r.run.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("output of %s: %w", r.run.ID, err))
			}
		}
		return true
	})
	h.folds = slices.DeleteFunc(h.folds, func(r *row) bool { return m.rows[r.run.ID] != r })
	return before - len(h.rows), errors.Join(errs...)
}
