package ledger

import (
	"maps"
	"slices"
	"time"
)

// TaskState is what is remembered of a task beside its runs, and of a queue:
// see [QueueName]. Its zero value is that of a task never seen. Version grows
// by one at each SetTask.
type TaskState struct {
	Version int                  `json:"version"`
	Seen    map[string]time.Time `json:"seen,omitempty"`    // first sight of each trigger, by its text
	Hold    *Hold                `json:"hold,omitempty"`    // nil: not held
	Planned *Hold                `json:"planned,omitempty"` // the hold that begins at its Since; nil: there is none
	Counted map[string]Counted   `json:"counted,omitempty"` // runs of each trigger with a count, by its text
	On      *Reschedule          `json:"on,omitempty"`      // nil: as the file says
	Skip    []Skip               `json:"skip,omitempty"`    // slots to come that are left out
	Started *Started             `json:"started,omitempty"` // of a queue; nil: not by hand since it was last stopped
	Held    *EndedHold           `json:"held,omitempty"`    // the last hold that ended; nil: none did
	After   *After               `json:"after,omitempty"`   // of a task that runs after others; nil: none of them was ok since it last ran
}

// StateChange is what SetTask writes, where it goes with something else.
type StateChange struct {
	Name       string
	Prev, Next TaskState
	Events     []Event
}

// Counted is how many runs there were of a trigger with a count, and the slot of the
// newest of them.
type Counted struct {
	Runs int       `json:"runs"`
	Last time.Time `json:"last"`
}

// After is what a task that runs after others has waited for since it last ran.
type After struct {
	OK    map[string]string `json:"ok,omitempty"`    // by task: the newest run of it that was ok
	Asked string            `json:"asked,omitempty"` // the run that was asked for once all of them were; "": some were not
}

// Skip leaves out one slot.
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
	// Binding is true of what somebody holds who may control it: who only owns it
	// can neither end that nor start anything in spite of it.
	Binding bool `json:"binding,omitempty"`
}

// At returns the hold if it is one at that time, else nil. A nil one is none.
func (h *Hold) At(at time.Time) *Hold {
	if h == nil || !h.Until.IsZero() && !at.Before(h.Until) {
		return nil
	}
	return h
}

// HoldAt returns the hold of the task at an instant; nil: there is none. Where no daemon
// runs, a planned one may have begun.
func (s TaskState) HoldAt(at time.Time) *Hold {
	if h := s.Planned; h != nil && !at.Before(h.Since) && h.At(at) != nil {
		return h
	}
	return s.Hold.At(at)
}

// Started is who started a queue, whatever autostart says of it.
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

// Reschedule is what stands in the place of a task's triggers.
type Reschedule struct {
	Expr  string    `json:"expr"` // as rota reads it: "interval 3h", "never"
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until the file's triggers change
	For   string    `json:"for,omitempty"`  // the file's triggers that it stands in the place of

	Elapsed bool `json:"elapsed,omitempty"` // Expr is an instant after a duration: what counts is the time that goes by, not the clock
}

// QueueName is the name under which the state of a queue is kept, which is that
// of no task.
func QueueName(queue string) string { return "queue/" + queue }

// clone returns the state with nothing shared, as a ledger keeps it.
func (s TaskState) clone() TaskState {
	s.Seen = maps.Clone(s.Seen)
	for trigger, t := range s.Seen {
		s.Seen[trigger] = instant(t)
	}
	s.Counted = maps.Clone(s.Counted)
	for trigger, c := range s.Counted {
		s.Counted[trigger] = Counted{c.Runs, instant(c.Last)}
	}
	if s.Hold != nil {
		s.Hold = new(*s.Hold)
		s.Hold.Since, s.Hold.Until = instant(s.Hold.Since), instant(s.Hold.Until)
	}
	if s.Planned != nil {
		s.Planned = new(*s.Planned)
		s.Planned.Since, s.Planned.Until = instant(s.Planned.Since), instant(s.Planned.Until)
	}
	if s.Held != nil {
		s.Held = new(*s.Held)
		s.Held.Since, s.Held.Until, s.Held.Ended = instant(s.Held.Since), instant(s.Held.Until), instant(s.Held.Ended)
	}
	if s.On != nil {
		s.On = new(*s.On)
		s.On.Since, s.On.Until = instant(s.On.Since), instant(s.On.Until)
	}
	if s.After != nil {
		s.After = &After{maps.Clone(s.After.OK), s.After.Asked}
	}
	if s.Started != nil {
		s.Started = &Started{s.Started.By, instant(s.Started.Since)}
	}
	s.Skip = slices.Clone(s.Skip)
	for i := range s.Skip {
		s.Skip[i].Slot, s.Skip[i].Since = instant(s.Skip[i].Slot), instant(s.Skip[i].Since)
	}
	return s
}
