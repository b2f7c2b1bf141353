package why

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// Source gives access to the data that an answer is derived from.
type Source struct {
	Ledger ledger.Reader
	Config *config.Config // the configuration in force
	Now    time.Time
	Next   time.Time // the next slot of the task; zero: none
	Daemon bool      // a daemon runs
	NoRoom bool      // the disk has no room to start runs of the task
}

// Of answers why a task ran, or did not run, at an instant; zero: at its latest slot. task
// may also be the id of a run. An instant at a whole minute stands for the first slot in
// that minute. The error is [ledger.ErrNotFound] if the run does not exist.
func Of(ctx context.Context, s Source, task string, at time.Time) (api.Why, error) {
	f, err := s.facts(ctx, task, at)
	if err != nil {
		return api.Why{}, err
	}
	return why(f), nil
}

// facts gathers everything that an answer is derived from.
func (s Source) facts(ctx context.Context, name string, at time.Time) (*facts, error) {
	name, key := runner.SplitID(name)
	f := &facts{now: s.Now, at: at, asked: !at.IsZero() || key != "", cfg: s.Config, name: name, daemon: s.Daemon, noRoom: s.NoRoom}
	f.task, f.known = f.cfg.Tasks.Find(name)
	f.zone = f.cfg.ZoneOf(name)
	var err error
	if f.state, err = s.Ledger.Task(ctx, name); err != nil {
		return nil, err
	}
	if f.cursor, err = s.Ledger.Cursor(ctx); err != nil {
		return nil, err
	}
	if f.events, err = s.Ledger.Events(ctx, ledger.EventFilter{Task: name}); err != nil {
		return nil, err
	}
	f.terms = termsOf(f.cfg, name, f.state, f.now)
	if f.known {
		f.next = s.Next
	}
	if key != "" {
		err = s.aboutRun(ctx, f, name+"/"+key)
	} else {
		err = s.aboutSlot(ctx, f)
	}
	if err == nil && f.run != nil {
		err = s.around(ctx, f)
	}
	if err == nil {
		err = s.signs(ctx, f)
	}
	return f, err
}

// aboutRun finds the run with an id.
func (s Source) aboutRun(ctx context.Context, f *facts, id string) error {
	run, steps, err := s.Ledger.Get(ctx, id)
	if err != nil {
		return err
	}
	f.run, f.steps, f.at = &run, steps, cmp.Or(run.Last, run.Scheduled, run.Queued)
	return nil
}

// aboutSlot finds the slot that the answer is about, and its row.
func (s Source) aboutSlot(ctx context.Context, f *facts) error {
	var err error
	if f.rows, err = s.Ledger.List(ctx, ledger.Filter{Brief: true, Task: f.name, Limit: 50}); err != nil {
		return err
	}
	if !f.asked {
		f.at = f.before(f.now.Add(time.Nanosecond))
	}
	if f.at.IsZero() {
		if len(f.rows) == 0 {
			return nil
		}
		return s.aboutRun(ctx, f, f.rows[0].ID) // the newest run, which was requested
	}
	owners, err := s.owners(ctx, f)
	if err != nil {
		return err
	}
	at := f.at
	for second := range 60 {
		f.at = at.Add(time.Duration(second) * time.Second)
		for _, of := range owners {
			run, steps, err := s.Ledger.Find(ctx, of, f.at)
			if errors.Is(err, ledger.ErrNotFound) || err == nil && !f.isOf(run) {
				continue
			}
			f.run, f.steps = &run, steps
			return err
		}
		if f.due(f.at) {
			return s.oldest(ctx, f)
		}
		if !at.Equal(at.Truncate(time.Minute)) {
			break
		}
	}
	f.at = at
	return s.oldest(ctx, f)
}

// owners returns the task and the ids of its recurring requests, which have slots, too.
func (s Source) owners(ctx context.Context, f *facts) ([]string, error) {
	owners := []string{f.name, runner.StartOf(f.name)}
	recurring, err := s.Ledger.List(ctx, ledger.Filter{Brief: true, Task: f.name, States: []runner.State{runner.Recurring}})
	for _, run := range recurring {
		owners = append(owners, run.ID)
	}
	return owners, err
}

// isOf reports whether the instant is a slot of a row. Not every second in the time of a
// summary row is a slot of it.
func (f *facts) isOf(row runner.Run) bool {
	if !row.IsSummary() || f.at.Equal(row.First) || f.at.Equal(row.Last) || f.due(f.at) || row.Parent != "" {
		return true
	}
	n := 0
	for at := row.First; !at.IsZero() && !at.After(row.Last) && n <= row.Count; at = f.after(at) {
		n++
	}
	return n != row.Count // the row is of triggers that are no longer known
}

// oldest finds the oldest record of the task.
func (s Source) oldest(ctx context.Context, f *facts) error {
	if f.run != nil || f.at.After(f.cursor.Through) {
		return nil
	}
	runs, err := s.Ledger.List(ctx, ledger.Filter{Brief: true, Task: f.name})
	for _, run := range runs {
		if at := cmp.Or(run.First, run.Scheduled, run.Queued); f.first.IsZero() || at.Before(f.first) {
			f.first = at
		}
	}
	return err
}

// around finds the run that superseded the run, and what the run waits for.
func (s Source) around(ctx context.Context, f *facts) error {
	if f.run.By != "" {
		by, _, err := s.Ledger.Get(ctx, f.run.By)
		if err == nil {
			f.by = &by
		} else if !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
	}
	if f.run.State != runner.Queued {
		return nil
	}
	queue, err := s.Ledger.Task(ctx, ledger.QueueName(f.run.Queue))
	if err != nil {
		return err
	}
	f.queueHold = queue.Hold.At(f.now)
	running, err := s.Ledger.List(ctx, ledger.Filter{Brief: true, States: []runner.State{runner.Running}})
	for _, run := range slices.Backward(running) {
		if run.Task == f.name || run.Queue == f.run.Queue && run.Queue != "" {
			if api.SeesRun(ctx, run) {
				f.ahead = append(f.ahead, run)
			} else {
				f.aheadHidden++
			}
		}
		f.running++
	}
	return err
}

// signs finds the newest record from before the first start of rota after the instant, or
// from before now: until then rota was certainly up.
func (s Source) signs(ctx context.Context, f *facts) error {
	if f.upSince(f.earliest()) {
		return nil
	}
	until := f.now
	if e := f.nextEvent(f.at, "start"); e != nil {
		until = e.Time
	}
	sign := func(times ...time.Time) {
		for _, at := range times {
			if at.Before(until) && at.After(f.lastSign) {
				f.lastSign = at
			}
		}
	}
	sign(f.cursor.Through)
	for _, e := range f.events {
		sign(e.Time)
	}
	for _, filter := range []ledger.Filter{{Brief: true, Before: until, Limit: 50}, {Brief: true, Outcomes: []runner.Outcome{runner.Lost}, Limit: 50}} {
		runs, err := s.Ledger.List(ctx, filter)
		if err != nil {
			return err
		}
		for _, run := range runs {
			sign(run.Queued, run.Started, run.Finished)
		}
	}
	return nil
}

// why derives the answer from the facts.
func why(f *facts) api.Why {
	a := &answer{facts: f}
	if a.Task, a.Next = f.name, f.next; f.run != nil {
		a.Run = new(api.RunOf(f.run.Brief()))
	}
	if !f.at.IsZero() {
		a.At = f.at.In(f.zone)
	}
	if !f.next.IsZero() {
		a.Next = f.next.In(f.zone)
	}
	switch {
	case f.run != nil:
		a.row()
	case !f.known:
		a.notInFile()
	case f.at.IsZero():
		a.never()
	case f.at.After(f.now):
		a.upcoming()
	case f.due(f.at):
		a.unrecorded()
	default:
		a.notDue()
	}
	if !f.asked {
		a.today()
	}
	return a.Why
}

// answer is an answer that is being built.
type answer struct {
	api.Why
	*facts
}

// because sets the reason, if none is set yet.
func (a *answer) because(reason string) { a.Reason = cmp.Or(a.Reason, reason) }

// part returns a piece of a sentence; "" if its text is empty.
func part(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

// plain returns the reason of a row so that it fits into a sentence.
func plain(text string) string { return strings.TrimRight(strings.TrimSpace(text), ".") }
