package query

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

// MaxSlots limits the slots of one answer: a query may cover each second of a century.
const MaxSlots = 100_000

// Upcoming is a trigger with its upcoming slots.
type Upcoming struct {
	Task    string
	Request string        // the id of the recurring request with the trigger; "": a trigger of the task
	Spec    schedule.Spec // bound to the instant that an interval counts from
	After   time.Time     // slots are after this instant
	Before  time.Time     // and before this one; zero: no limit
	Note    string        // a note on each slot
	Left    int           // how many runs are left; [plan.NoCount]: no limit
}

// next returns the trigger's first slot after an instant; zero: none.
func (c Upcoming) next(after time.Time) time.Time {
	if c.Left == 0 {
		return time.Time{}
	}
	if after.Before(c.After) {
		after = c.After
	}
	at := c.Spec.Next(after)
	if !c.Before.IsZero() && !at.Before(c.Before) {
		return time.Time{}
	}
	return at
}

// notes returns the notes on a slot of the trigger.
func (c Upcoming) notes(at time.Time) []string {
	var notes []string
	if note := c.Spec.Note(at); note != "" {
		notes = append(notes, note)
	}
	if note := plan.JitterNote(c.Task, c.Spec, at); note != "" {
		notes = append(notes, note)
	}
	if c.Left != plan.NoCount {
		notes = append(notes, plan.LeftNote(c.Left))
	}
	if c.Note != "" {
		notes = append(notes, c.Note)
	}
	return notes
}

// Next implements [api.Reader]. The number of slots holds for each task and for each
// recurring request.
func (r *Reader) Next(ctx context.Context, q api.NextQuery) ([]api.Slot, error) {
	cfg := r.Config()
	for _, name := range q.Tasks {
		if _, ok := cfg.Tasks[name]; !ok {
			return nil, NoTask(cfg.Tasks, name)
		}
	}
	series, err := r.series(ctx, cfg, q.Tasks)
	if err != nil {
		return nil, err
	}
	var slots []api.Slot
	for _, s := range series {
		if !api.SeesTask(ctx, s.task) {
			continue
		}
		for range slotsWanted(q) {
			slot := s.next()
			if slot.At.IsZero() || !q.Until.IsZero() && slot.At.After(q.Until) {
				break
			}
			if len(slots) == MaxSlots {
				return nil, api.Errorf(api.Usage, "ask for fewer, or until an earlier time", "more than %d slots", MaxSlots)
			}
			slots = append(slots, slot)
		}
	}
	slices.SortFunc(slots, func(a, b api.Slot) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Request, b.Request))
	})
	return slots, nil
}

// slotsWanted returns how many slots of each task the query wants.
func slotsWanted(q api.NextQuery) int {
	if q.N == 0 && !q.Until.IsZero() {
		return MaxSlots + 1 // so that Next reports that they are too many
	}
	return max(1, q.N)
}

// firstSlots returns the next slot of each task; without names, of all tasks.
func (r *Reader) firstSlots(ctx context.Context, cfg *config.Config, names []string) (map[string]time.Time, error) {
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

// series generates the upcoming slots of a task, or of a recurring request.
type series struct {
	task, of string // the task, and the id of the recurring request or ""
	zone     *time.Location
	triggers []Upcoming
	skip     []ledger.Skip
	state    ledger.TaskState
	at       time.Time // the slot last returned
}

// series returns the series of the named tasks; without names, of all tasks.
func (r *Reader) series(ctx context.Context, cfg *config.Config, names []string) ([]*series, error) {
	states, err := r.statesOf(ctx, names...)
	if err != nil {
		return nil, err
	}
	var all []Upcoming
	if r.Agenda != nil {
		all, err = r.Agenda(ctx, names)
	} else {
		if len(names) > 0 { // unattended needs the states of all tasks
			if states, err = r.allStates(ctx); err != nil {
				return nil, err
			}
		}
		all, err = r.agendaWithoutDaemon(ctx, cfg, states)
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var list []*series
	byName := map[[2]string]*series{}
	for _, c := range all {
		if len(names) > 0 && !wanted[c.Task] {
			continue
		}
		key := [2]string{c.Task, c.Request}
		s := byName[key]
		if s == nil {
			s = &series{task: c.Task, of: c.Request, zone: cfg.ZoneOf(c.Task), state: states[c.Task]}
			if c.Request == "" {
				s.skip = states[c.Task].Skip
			}
			byName[key] = s
			list = append(list, s)
		}
		s.triggers = append(s.triggers, c)
	}
	return list, err
}

// next returns the next slot that is not skipped; its At is zero if none is left. If
// several triggers are due at the same instant, that is one slot.
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
		if s.state.HoldAt(first) != nil {
			notes = append(notes, "held")
		} else {
			s.count(first)
		}
		return api.Slot{Task: s.task, At: first.In(s.zone), Note: strings.Join(notes, "; "), Request: s.of}
	}
}

// count counts a slot for the triggers with a count.
func (s *series) count(slot time.Time) {
	for i, c := range s.triggers {
		if c.Left > 0 && c.Spec.Next(slot.Add(-time.Second)).Equal(slot) {
			s.triggers[i].Left--
		}
	}
}

// agendaWithoutDaemon returns the triggers with their upcoming slots, computed from the ledger
// and the file, as no daemon keeps an agenda.
func (r *Reader) agendaWithoutDaemon(ctx context.Context, cfg *config.Config, states map[string]ledger.TaskState) ([]Upcoming, error) {
	now := r.Now()
	var all []Upcoming
	for name := range cfg.Tasks {
		for _, c := range inForceAt(cfg, name, states[name], now) {
			if c.Spec.Anchor() == "finish" {
				end, err := r.lastEnd(ctx, name)
				if err != nil {
					return nil, err
				}
				if !end.IsZero() {
					c.Spec = c.Spec.RestartFrom(end)
				}
				c.Note = "then from the end of each run"
			}
			all = append(all, c)
		}
	}
	recurring, err := r.Ledger.List(ctx, ledger.Filter{Brief: true, States: []runner.State{runner.Recurring}})
	for _, run := range recurring {
		if c, ok := recurringAt(cfg, run, now); ok {
			all = append(all, c)
		}
	}
	return all, err
}

// inForceAt returns the triggers of a task with their slots after an instant.
func inForceAt(cfg *config.Config, name string, state ledger.TaskState, now time.Time) []Upcoming {
	var all []Upcoming
	for _, t := range plan.Terms(cfg, name, state.Reschedule) {
		if t.Spec.AtStart() != "" {
			continue
		}
		first := state.FirstSeen.Of(plan.TriggerKey(t.Spec))
		switch {
		case !first.IsZero() && !first.After(now):
		case !t.Since.IsZero():
			first = t.Since
		default:
			first = now
		}
		e := t.Entry(name, t.Spec, first)
		c := Upcoming{Task: name, Spec: e.Spec, After: e.Delay().After(now), Before: t.Until, Left: plan.RunsLeft(t.Spec, state, t.Key)}
		if t.Spec.Kind() == schedule.Interval {
			first = first.Add(-time.Nanosecond) // only an interval may come due at its first sight
		}
		for _, at := range []time.Time{first, t.From.Add(-time.Nanosecond)} {
			if at.After(c.After) {
				c.After = at
			}
		}
		all = append(all, c)
	}
	return all
}

// recurringAt returns the trigger of a recurring request with its slots after an
// instant. It returns false if the request has no slots.
func recurringAt(cfg *config.Config, run runner.Run, now time.Time) (Upcoming, bool) {
	spec, faults := schedule.ParseExpr(run.On, cfg.ZoneOf(run.Task))
	if run.On == plan.Never || faults != nil {
		return Upcoming{}, false
	}
	c := Upcoming{Task: run.Task, Request: run.ID, Spec: spec.From(plan.CountsFrom(run)), After: now, Left: plan.RunsLeft(spec, ledger.TaskState{}, "")}
	c.After = plan.NewDelay(run.Task, c.Spec, c.Before).After(now)
	return c, true
}

// lastEnd returns when a run of a task last ended; zero if no end is known.
func (r *Reader) lastEnd(ctx context.Context, task string) (time.Time, error) {
	runs, err := r.Ledger.List(ctx, ledger.Filter{Brief: true, Task: task, Limit: 20})
	var at time.Time
	for _, run := range runs {
		if !run.IsSummary() && !run.Started.IsZero() && run.Finished.After(at) {
			at = run.Finished
		}
	}
	return at, err
}
