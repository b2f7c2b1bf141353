package engine

import (
	"context"
	"slices"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// skipNext leaves out the next slot of a task that is not left out already.
func (eng *Engine) skipNext(ctx context.Context, task, who string) (api.Slot, error) {
	now := eng.clock.Now()
	var first api.Slot
	for key, e := range eng.entries {
		if e.Task != task || e.Request != "" {
			continue
		}
		at := eng.agenda.Next(key)
		for !at.IsZero() && eng.isLeftOut(task, e.Delay().Slot(at)) {
			at = e.When().Next(at)
		}
		if slot := e.Delay().Slot(at); !at.IsZero() && (first.At.IsZero() || slot.Before(first.At)) {
			first = api.Slot{Task: task, At: slot.In(eng.cfg.ZoneOf(task)), Note: e.Spec.Note(slot)}
		}
	}
	if first.At.IsZero() {
		return first, api.Errorf(api.Conflict, "", "task %q has no slot to leave out: nothing of it is due by itself", task)
	}
	err := eng.change(ctx, task, func(s *ledger.TaskState) {
		s.Skip = slices.DeleteFunc(slices.Clone(s.Skip), func(s ledger.Skip) bool { return s.Slot.Before(now.Add(-time.Hour)) })
		s.Skip = append(s.Skip, ledger.Skip{Slot: first.At, By: who, Since: now})
	}, ledger.Event{Time: now, Kind: "skip", Task: task, Who: who, Text: eng.formatTime(first.At), Data: ledger.EventData{Slot: first.At}})
	if err == nil {
		eng.log.Info("left out", "task", task, "slot", first.At.Format(time.RFC3339), "by", who)
	}
	return first, err
}

// isLeftOut tells whether somebody left out a slot.
func (eng *Engine) isLeftOut(task string, slot time.Time) bool {
	return slices.ContainsFunc(eng.states[task].Skip, func(s ledger.Skip) bool { return s.Slot.Equal(slot) })
}

// unskip takes back what was left out of a task.
func (eng *Engine) unskip(ctx context.Context, task, who string) error {
	if len(eng.states[task].Skip) == 0 {
		return nil
	}
	return eng.change(ctx, task, func(s *ledger.TaskState) { s.Skip = nil },
		ledger.Event{Time: eng.clock.Now(), Kind: "skip", Task: task, Who: who, Text: "taken back"})
}

// leftOut tells which of the slots are not to run because somebody said so. One
// that stands for several does so only with its newest: that is the one which
// would run.
func (eng *Engine) leftOut(task string, slots []runner.Slot) []runner.Slot {
	for _, skip := range eng.states[task].Skip {
		i := slices.IndexFunc(slots, func(s runner.Slot) bool { return s.Last.Equal(skip.Slot) })
		if i < 0 {
			continue
		}
		if s := slots[i]; s.N > 1 {
			before := s
			before.Last, before.N, before.Prev = s.Prev, s.N-1, time.Time{}
			before.Skip = runner.Reason{Code: runner.ReasonCoalescedToSkip}
			slots = slices.Insert(slots, i, before)
			i++
			slots[i].First, slots[i].Prev, slots[i].N = s.Last, time.Time{}, 1
		}
		slots[i].Skip, slots[i].Missed = runner.Reason{Code: runner.ReasonSkipped, By: skip.By}, runner.Reason{}
	}
	return slots
}
