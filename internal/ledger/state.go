package ledger

import (
	"maps"
	"slices"
	"time"
)

// TaskState is the stored state of a task beside its runs, or of a queue: see
// [QueueName]. Its zero value is that of a new task. Version grows by one with each
// change.
type TaskState struct {
	Version    int                `json:"version"`
	FirstSeen  Seen               `json:"seen,omitempty"`    // when each trigger was first seen, by its text
	Hold       *Hold              `json:"hold,omitempty"`    // nil: not held
	Planned    *Hold              `json:"planned,omitempty"` // the hold that begins at its Since; nil: none
	Counted    map[string]Counted `json:"counted,omitempty"` // runs of each trigger with a count, by its text
	Reschedule *Reschedule        `json:"on,omitempty"`      // nil: as the file says
	Skip       []Skip             `json:"skip,omitempty"`    // upcoming slots that are skipped
	Started    *Started           `json:"started,omitempty"` // of a queue; nil: not started by a user since it was last stopped
	LastHold   *EndedHold         `json:"held,omitempty"`    // the last hold that ended; nil: none
	After      *After             `json:"after,omitempty"`   // of a task that runs after others; nil: none of them was ok since it last ran
}

// StateChange replaces the state of a task.
type StateChange struct {
	Name       string
	Prev, Next TaskState
	Events     []Event
}

// Counted is the number of runs of a trigger with a count, and the slot of the newest.
type Counted struct {
	Runs int       `json:"runs"`
	Last time.Time `json:"last"`
}

// After is the progress of a task that runs after others, since it last ran.
type After struct {
	OK    map[string]string `json:"ok,omitempty"`    // by task: its newest run that was ok
	Asked string            `json:"asked,omitempty"` // the run that was requested once all of them were ok; "": some were not
}

// Skip skips one slot.
type Skip struct {
	Slot  time.Time `json:"slot"`
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
}

// Hold keeps a task, or a queue, from starting anything by itself.
type Hold struct {
	By    string    `json:"by,omitempty"`
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until it is released
	// Binding is true of a hold by a user with the right to control the task: its owner
	// can neither release it nor start anything in spite of it.
	Binding bool `json:"binding,omitempty"`
}

// At returns the hold if it holds at that time, else nil.
func (h *Hold) At(at time.Time) *Hold {
	if h == nil || !h.Until.IsZero() && !at.Before(h.Until) {
		return nil
	}
	return h
}

// HoldAt returns the hold of the task at an instant; nil: none. Where no daemon
// runs, a planned one may have begun.
func (s TaskState) HoldAt(at time.Time) *Hold {
	if h := s.Planned; h != nil && !at.Before(h.Since) && h.At(at) != nil {
		return h
	}
	return s.Hold.At(at)
}

// Started is who started a queue; it takes precedence over autostart.
type Started struct {
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
}

// EndedHold is a hold that has ended. A slot that fell into it was held, even if it
// is recorded later.
type EndedHold struct {
	Hold
	Ended time.Time `json:"ended"`
}

// Reschedule replaces the triggers of a task.
type Reschedule struct {
	Expr  string    `json:"expr"` // as rota reads it: "interval 3h", "never"
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until the file's triggers change
	For   string    `json:"for,omitempty"`  // the triggers of the file that it replaces

	Elapsed bool `json:"elapsed,omitempty"` // Expr is an instant after a duration: elapsed time counts, not the clock
}

// QueueName is the name under which the state of a queue is stored; no task can have it.
func QueueName(queue string) string { return "queue/" + queue }

// clone returns a deep copy of the state with its times normalized.
func (s TaskState) clone() TaskState {
	s.FirstSeen = slices.Clone(s.FirstSeen)
	for i := range s.FirstSeen {
		s.FirstSeen[i].At = normalizeTime(s.FirstSeen[i].At)
	}
	s.Counted = maps.Clone(s.Counted)
	for trigger, c := range s.Counted {
		s.Counted[trigger] = Counted{c.Runs, normalizeTime(c.Last)}
	}
	if s.Hold != nil {
		s.Hold = new(*s.Hold)
		s.Hold.Since, s.Hold.Until = normalizeTime(s.Hold.Since), normalizeTime(s.Hold.Until)
	}
	if s.Planned != nil {
		s.Planned = new(*s.Planned)
		s.Planned.Since, s.Planned.Until = normalizeTime(s.Planned.Since), normalizeTime(s.Planned.Until)
	}
	if s.LastHold != nil {
		s.LastHold = new(*s.LastHold)
		s.LastHold.Since, s.LastHold.Until, s.LastHold.Ended = normalizeTime(s.LastHold.Since), normalizeTime(s.LastHold.Until), normalizeTime(s.LastHold.Ended)
	}
	if s.Reschedule != nil {
		s.Reschedule = new(*s.Reschedule)
		s.Reschedule.Since, s.Reschedule.Until = normalizeTime(s.Reschedule.Since), normalizeTime(s.Reschedule.Until)
	}
	if s.After != nil {
		s.After = &After{maps.Clone(s.After.OK), s.After.Asked}
	}
	if s.Started != nil {
		s.Started = &Started{s.Started.By, normalizeTime(s.Started.Since)}
	}
	s.Skip = slices.Clone(s.Skip)
	for i := range s.Skip {
		s.Skip[i].Slot, s.Skip[i].Since = normalizeTime(s.Skip[i].Slot), normalizeTime(s.Skip[i].Since)
	}
	return s
}
