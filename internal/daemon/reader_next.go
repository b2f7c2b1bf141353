package daemon

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// mostSlots bounds one answer, for who asks for each second of a century.
const mostSlots = 100_000

// coming is one trigger as it comes due from now on.
type coming struct {
	task   string
	of     string        // the recurring request whose trigger it is; "": one of the task itself
	spec   schedule.Spec // bound to what an interval counts from
	after  time.Time     // its slots to come are those after it
	before time.Time     // and before it; zero: any
	note   string        // of each slot, beside what the clock does to it
}

// next returns the trigger's first slot after an instant; zero: none.
func (c coming) next(after time.Time) time.Time {
	if after.Before(c.after) {
		after = c.after
	}
	at := c.spec.Next(after)
	if !c.before.IsZero() && !at.Before(c.before) {
		return time.Time{}
	}
	return at
}

// notes tells what there is to know about a slot of the trigger.
func (c coming) notes(at time.Time) []string {
	var notes []string
	if note := c.spec.Note(at); note != "" {
		notes = append(notes, note)
	}
	if note := plan.JitterNote(c.task, c.spec, at); note != "" {
		notes = append(notes, note)
	}
	if c.note != "" {
		notes = append(notes, c.note)
	}
	return notes
}

// Next implements [api.Reader]. Each recurring request counts as a task of
// its own.
func (r *reader) Next(ctx context.Context, q api.NextQuery) ([]api.Slot, error) {
	cfg := r.config()
	for _, name := range q.Tasks {
		if _, ok := cfg.Tasks[name]; !ok {
			return nil, noTask(cfg.Tasks, name)
		}
	}
	series, err := r.series(ctx, cfg, q.Tasks)
	if err != nil {
		return nil, err
	}
	var slots []api.Slot
	for _, s := range series {
		if !api.SeesTask(ctx, s.task) {
			continue // nor does it count
		}
		for range many(q) {
			slot := s.next()
			if slot.At.IsZero() || !q.Until.IsZero() && slot.At.After(q.Until) {
				break
			}
			if len(slots) == mostSlots {
				return nil, api.Errorf(api.Usage, "ask for fewer, or until an earlier time", "more than %d slots", mostSlots)
			}
			slots = append(slots, slot)
		}
	}
	slices.SortFunc(slots, func(a, b api.Slot) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Request, b.Request))
	})
	return slots, nil
}

// many is how many slots of each task are asked for.
func many(q api.NextQuery) int {
	if q.N == 0 && !q.Until.IsZero() {
		return mostSlots + 1 // which is too many
	}
	return max(1, q.N)
}

// firsts returns when tasks come due next; without names all.
func (r *reader) firsts(ctx context.Context, cfg *config.Config, names []string) (map[string]time.Time, error) {
	series, err := r.series(ctx, cfg, names)
	first := map[string]time.Time{}
	for _, s := range series {
		at := s.next().At
		if was := first[s.task]; !at.IsZero() && (was.IsZero() || at.Before(was)) {
			first[s.task] = at
		}
	}
	return first, err
}

// series is the slots to come of a task, or of a recurring request.
type series struct {
	task, of string
	zone     *time.Location
	triggers []coming
	skip     []ledger.Skip
	state    ledger.TaskState
	at       time.Time // the slot last returned
}

// series returns those of some tasks, or without names of all.
func (r *reader) series(ctx context.Context, cfg *config.Config, names []string) ([]*series, error) {
	states, err := r.statesOf(ctx, names...)
	if err != nil {
		return nil, err
	}
	var all []coming
	if r.agenda != nil {
		all, err = r.agenda(ctx, names)
	} else {
		if len(names) > 0 { // it looks at all of them
			if states, err = r.allStates(ctx); err != nil {
				return nil, err
			}
		}
		all, err = r.unattended(ctx, cfg, states)
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var list []*series
	byName := map[[2]string]*series{}
	for _, c := range all {
		if len(names) > 0 && !wanted[c.task] {
			continue
		}
		key := [2]string{c.task, c.of}
		s := byName[key]
		if s == nil {
			s = &series{task: c.task, of: c.of, zone: cfg.ZoneOf(c.task), state: states[c.task]}
			if c.of == "" {
				s.skip = states[c.task].Skip
			}
			byName[key] = s
			list = append(list, s)
		}
		s.triggers = append(s.triggers, c)
	}
	return list, err
}

// next returns the next slot that is not left out; its At is zero if there is
// none. Triggers that come due at the same instant are one slot.
func (s *series) next() api.Slot {
	for {
		var first time.Time
		var notes []string
		for _, c := range s.triggers {
			at := c.next(s.at)
			if at.IsZero() || !first.IsZero() && at.After(first) {
				continue
			}
			if first.IsZero() || at.Before(first) {
				first, notes = at, nil
			}
			for _, note := range c.notes(at) {
				if !slices.Contains(notes, note) {
					notes = append(notes, note)
				}
			}
		}
		if s.at = first; first.IsZero() {
			return api.Slot{}
		}
		if slices.ContainsFunc(s.skip, func(skip ledger.Skip) bool { return skip.Slot.Equal(first) }) {
			continue
		}
		if holdAt(s.state, first) != nil {
			notes = append(notes, "held")
		}
		return api.Slot{Task: s.task, At: first.In(s.zone), Note: strings.Join(notes, "; "), Request: s.of}
	}
}

// unattended works out what comes due from now on where no daemon keeps an
// agenda.
func (r *reader) unattended(ctx context.Context, cfg *config.Config, states map[string]ledger.TaskState) ([]coming, error) {
	now := r.now()
	var all []coming
	for name, task := range cfg.Tasks {
		for _, c := range inForceAt(cfg, name, states[name], now) {
			if c.spec.Anchor() == "finish" {
				end, err := r.lastEnd(ctx, name)
				if err != nil {
					return nil, err
				}
				if !end.IsZero() {
					c.spec = c.spec.RestartFrom(end)
				}
				c.note = "then from the end of each run"
			}
			all = append(all, c)
		}
		_ = task
	}
	recurring, err := r.book.List(ctx, ledger.Filter{Brief: true, States: []runner.State{runner.Recurring}})
	for _, run := range recurring {
		if c, ok := recurringAt(cfg, run, now); ok {
			all = append(all, c)
		}
	}
	return all, err
}

// inForceAt returns the triggers of a task as they come due after an instant.
func inForceAt(cfg *config.Config, name string, state ledger.TaskState, now time.Time) []coming {
	var all []coming
	for _, t := range plan.Terms(cfg, name, state.On) {
		if t.Spec.AtStart() != "" {
			continue
		}
		first, seen := state.Seen[plan.TriggerKey(t.Spec)]
		switch {
		case seen && !first.After(now):
		case !t.Since.IsZero():
			first = t.Since
		default:
			first = now
		}
		e := t.Entry(name, t.Spec, first)
		c := coming{task: name, spec: e.Spec, after: e.Delay().After(now), before: t.Until}
		if t.Spec.Kind() == schedule.Interval {
			first = first.Add(-time.Nanosecond) // only an interval may come due at its first sight
		}
		for _, at := range []time.Time{first, t.From.Add(-time.Nanosecond)} {
			if at.After(c.after) {
				c.after = at
			}
		}
		all = append(all, c)
	}
	return all
}

// recurringAt is the trigger of a recurring request as it comes due after an
// instant; false: it never does.
func recurringAt(cfg *config.Config, run runner.Run, now time.Time) (coming, bool) {
	spec, faults := schedule.ParseExpr(run.On, cfg.ZoneOf(run.Task))
	if run.On == plan.Never || faults != nil {
		return coming{}, false
	}
	c := coming{task: run.Task, of: run.ID, spec: spec.From(countsFrom(run)), after: now}
	c.after = plan.NewDelay(run.Task, c.spec, c.before).After(now)
	return c, true
}

// lastEnd is when a task last ended; zero if it is not known that it ever did.
func (r *reader) lastEnd(ctx context.Context, task string) (time.Time, error) {
	runs, err := r.book.List(ctx, ledger.Filter{Brief: true, Task: task, Limit: 20})
	var at time.Time
	for _, run := range runs {
		if !run.IsSummary() && !run.Started.IsZero() && run.Finished.After(at) {
			at = run.Finished
		}
	}
	return at, err
}
