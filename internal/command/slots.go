package command

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/schedule"
)

// slot is one due instant of a task.
type slot struct {
	task string
	at   time.Time // in the zone to show it in
	note string
}

// series walks the slots of one task, as they are on the file alone: intervals
// count from where it began, as if the task were first seen then.
type series struct {
	task  config.Task
	specs []schedule.Spec // bound to the beginning
	notes []string        // what holds for every slot of the spec
	zones []*time.Location
	at    time.Time // the slot last returned, or the beginning
}

// walk begins a series. since names the beginning in notes.
func walk(c *cli.Context, cfg *config.Config, task config.Task, from time.Time, since string) *series {
	s := &series{task: task, at: from}
	for _, spec := range task.Triggers {
		bound, note := spec.From(from), ""
		if bound != spec {
			note = "counted from " + since
		}
		s.specs = append(s.specs, bound)
		s.notes = append(s.notes, note)
		s.zones = append(s.zones, zoneOf(c, cfg, spec))
	}
	return s
}

// next returns the next slot; false if there is none. Triggers that come due at
// the same instant are one slot.
func (s *series) next() (slot, bool) {
	var first slot
	var notes []string
	for i, spec := range s.specs {
		at := spec.Next(s.at)
		if at.IsZero() || !first.at.IsZero() && at.After(first.at) {
			continue
		}
		if first.at.IsZero() || at.Before(first.at) {
			first, notes = slot{task: s.task.Name, at: at.In(s.zones[i])}, nil
		}
		for _, note := range []string{spec.Note(at), s.notes[i]} {
			if note != "" && !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	first.note = strings.Join(notes, "; ")
	s.at = first.at
	return first, !first.at.IsZero()
}

// bySlot orders slots by time, and those of one instant by name.
func bySlot(a, b slot) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.task, b.task)) }

// idle says why a task that has no slot has none.
func idle(t config.Task) string {
	for _, spec := range t.Triggers {
		if spec.Kind() == schedule.AtStart {
			return spec.Explain()
		}
	}
	switch {
	case !t.Enabled:
		return "by hand, not enabled"
	case len(t.Triggers) == 0:
		return "by hand"
	}
	return "never again"
}
