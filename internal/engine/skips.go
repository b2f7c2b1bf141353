package engine

import (
	"context"
	"slices"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// skipNext skips the next slot of a task that is not skipped already.
func (eng *Engine) skipNext(ctx context.Context, task, who string) (api.Slot, error) {
	now := eng.clock.Now()
	var first api.Slot
	for key, e := range eng.entries {
		if e.Task != task || e.Request != "" {
			continue
		}
		at := eng.agenda.Next(key)
		for !at.IsZero() && (eng.isSkipped(task, e.Delay().Slot(at)) || at.Equal(eng.ahead.slots[task])) {
			at = e.When().Next(at)
		}
		if slot := e.Delay().Slot(at); !at.IsZero() && (first.At.IsZero() || slot.Before(first.At)) {
			first = api.Slot{Task: task, At: slot.In(eng.cfg.ZoneOf(task)), Note: e.Spec.Note(slot)}
		}
	}
	if first.At.IsZero() {
		return first, api.Errorf(api.Conflict, "", "task %q has no slot to skip: no trigger of it is due in the future", task)
	}
	err := eng.changeState(ctx, task, func(s *ledger.TaskState) {
		s.Skip = slices.DeleteFunc(slices.Clone(s.Skip), func(s ledger.Skip) bool { return s.Slot.Before(now.Add(-time.Hour)) })
		s.Skip = append(s.Skip, ledger.Skip{Slot: first.At, By: who, Since: now})
	}, ledger.Event{Time: now, Kind: "skip", Task: task, Who: who, Text: eng.formatTime(first.At), Data: ledger.EventData{Slot: first.At}})
	if err == nil {
		eng.log.Info("skip planned", "task", task, "slot", first.At.Format(time.RFC3339), "by", who)
	}
	return first, err
}

// isSkipped reports whether a slot is to be skipped.
func (eng *Engine) isSkipped(task string, slot time.Time) bool {
	return slices.ContainsFunc(eng.states[task].Skip, func(s ledger.Skip) bool { return s.Slot.Equal(slot) })
}

// unskip cancels the skips of a task.
func (eng *Engine) unskip(ctx context.Context, task, who string) error {
	if len(eng.states[task].Skip) == 0 {
		return nil
	}
	return eng.changeState(ctx, task, func(s *ledger.TaskState) { s.Skip = nil },
		ledger.Event{Time: eng.clock.Now(), Kind: "skip", Task: task, Who: who, Text: "cancelled"})
}

// applySkips marks the slots that are to be skipped. A slot that stands for several is split
// if its newest, which would run, is skipped.
func (eng *Engine) applySkips(task string, slots []runner.Slot) []runner.Slot {
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
