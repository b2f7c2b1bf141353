package command

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/plan"
	"rota/schedule"
)

// slot is one due instant of a task.
type slot struct {
	task string
	at   time.Time // in the zone to show it in
	note string
}

// series yields the slots of one task from the file alone: intervals count from the start
// of the series, as if the task were first seen then.
type series struct {
	task     string
	triggers []trigger
	at       time.Time // the slot last returned, or the start
}

type trigger struct {
	schedule.Spec
	zone *time.Location // to show its slots in
	note string         // of each slot; "": none
	left int            // how many runs are left, if it has a count
}

// newSeries starts a series. since names the start in notes.
func newSeries(c *cli.Context, cfg *config.Config, task config.Task, from time.Time, since string) *series {
	s := &series{task: task.Name, at: from}
	for _, spec := range task.Triggers {
		t := trigger{Spec: spec.From(from), zone: zoneOf(c, cfg, spec), left: spec.Count()}
		switch {
		case spec.Anchor() == "finish":
			t.note = "counted from " + since + ", then from the end of each run"
		case t.Spec != spec:
			t.note = "counted from " + since
		}
		s.triggers = append(s.triggers, t)
	}
	return s
}

// jitter is by how much a slot is delayed; "" if it counts from an instant that is not
// known yet.
func (t trigger) jitter(task string, at time.Time) string {
	if t.note != "" {
		return ""
	}
	return plan.JitterNote(task, t.Spec, at)
}

// leftNote is how many runs follow the next one; "": no count.
func (t trigger) leftNote() string {
	if t.Count() == 0 {
		return ""
	}
	return plan.LeftNote(t.left)
}

// next returns the next slot; false if there is none. Triggers that come due at
// the same instant are one slot.
func (s *series) next() (slot, bool) {
	var first slot
	var notes []string
	for _, t := range s.triggers {
		at := t.Next(s.at)
		if t.Count() > 0 && t.left == 0 || at.IsZero() || !first.at.IsZero() && at.After(first.at) {
			continue
		}
		if first.at.IsZero() || at.Before(first.at) {
			first, notes = slot{task: s.task, at: at.In(t.zone)}, nil
		}
		for _, note := range []string{t.Note(at), t.note, t.jitter(s.task, at), t.leftNote()} {
			if note != "" && !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	for i, t := range s.triggers {
		if t.left > 0 && t.Next(s.at).Equal(first.at) {
			s.triggers[i].left--
		}
	}
	first.note = strings.Join(notes, "; ")
	s.at = first.at
	return first, !first.at.IsZero()
}

// bySlot orders slots by time, and those of one instant by name.
func bySlot(a, b slot) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.task, b.task)) }

// noSlotText is why a task has no slot.
func noSlotText(t config.Task) string {
	for _, spec := range t.Triggers {
		if spec.Kind() == schedule.AtStart {
			return spec.Explain()
		}
	}
	switch {
	case !t.Enabled:
		return "by hand, not enabled"
	case len(t.Triggers) == 0 && len(t.After) > 0:
		return t.AfterText()
	case len(t.Triggers) == 0:
		return "by hand"
	}
	return "never again"
}
