package engine

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

var (
	simSeeds = flag.Int("sim.seeds", 5, "how many days TestSimulation simulates")
	simSeed  = flag.Uint64("sim.seed", 0, "simulate the day of this seed only")
)

// TestSimulation runs a daemon through days of virtual time that a seed decides:
// requests, holds, cancels, stopped queues, skipped slots, reloads, kills, absences, a
// ledger that refuses or dies before or after a commit. Then it holds what is recorded
// against what the promises of rota say.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		simulate(t, *simSeed)
		return
	}
	for i := range *simSeeds {
		seed := uint64(i + 1)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			simulate(t, seed)
		})
	}
}

// simTask is a task of a simulation: what the file says of it, and what is expected.
type simTask struct {
	name, keys string
	due        func(at time.Time) bool // whether a minute is one of its slots
	overlap    string
	queue      string
	retries    int
	named      bool // its times are named
}

// simulation is one virtual day.
type simulation struct {
	*rig
	rng    *rand.Rand
	tasks  []simTask
	fault  *faultyLedger
	target *fakeTarget

	mu       sync.Mutex
	begun    map[string]int         // attempts that began, by run
	inQueue  map[string]int         // runs under way, by queue
	ofTask   map[string]int         // and by task
	killed   chan struct{}          // closed when the daemon is
	accepted []string               // ids of requests
	skipped  map[string][]time.Time // slots that are to be skipped, by task
	notices  map[[2]string]int      // how often each was recorded; only Kind, and Run with its id alone
	stepped  bool                   // the clock was set
	notes    []string               // what happened, for a failure text
}

// The workers of the queue, and how many runs it holds.
const (
	simWorkers  = 2
	simCapacity = 3
)

// simTasks makes the tasks of a day.
func simTasks(rng *rand.Rand) []simTask {
	var tasks []simTask
	for i := range 5 {
		task := simTask{name: fmt.Sprint("t", i), overlap: []string{"skip", "queue", "replace", "allow"}[rng.IntN(4)], retries: rng.IntN(3)}
		var keys []string
		switch step, minute, hour := []int{10, 15, 20, 30}[rng.IntN(4)], rng.IntN(60), rng.IntN(24); rng.IntN(3) {
		case 0:
			keys = append(keys, fmt.Sprintf("cron = \"*/%d * * * *\"", step))
			task.due = func(at time.Time) bool { return at.Minute()%step == 0 }
		case 1:
			keys = append(keys, fmt.Sprintf("cron = \"%d * * * *\"", minute))
			task.due = func(at time.Time) bool { return at.Minute() == minute }
		default:
			task.named = true
			keys = append(keys, fmt.Sprintf("at = [\"%02d:%02d\", \"%02d:%02d\"]", hour, minute, (hour+5)%24, minute))
			task.due = func(at time.Time) bool {
				return at.Minute() == minute && (at.Hour() == hour || at.Hour() == (hour+5)%24)
			}
		}
		keys = append(keys, fmt.Sprintf("overlap = %q", task.overlap))
		if rng.IntN(2) == 0 {
			task.queue = "q"
			keys = append(keys, `queue = "q"`)
		}
		if rng.IntN(3) == 0 {
			keys = append(keys, fmt.Sprintf("missed = %q", []string{"all", "once", "skip"}[rng.IntN(3)]))
		}
		if rng.IntN(4) == 0 {
			keys = append(keys, `max_wait = "20m"`)
		}
		if task.retries > 0 {
			keys = append(keys, fmt.Sprintf("retry = { max = %d, delay = \"5m\" }", task.retries))
		}
		if rng.IntN(3) == 0 {
			keys = append(keys, "hold_after = 4")
		}
		keys = append(keys, `on_failure = ["ops", "run:after"]`)
		task.keys = strings.Join(keys, "\n")
		tasks = append(tasks, task)
	}
	return tasks
}

// file is the file of the tasks; the revision makes it another one.
func (s *simulation) file(revision int) string {
	text := ops + fmt.Sprintf("[queues.q]\nworkers = %d\ncapacity = %d\n[tasks.after]\nlog = \"x\"\n", simWorkers, simCapacity)
	for _, task := range s.tasks {
		text += fmt.Sprintf("[tasks.%s]\nlog = \"revision %d\"\n%s\n", task.name, revision, task.keys)
	}
	return text
}

// armed gives the tasks of a configuration the action of the simulation.
func (s *simulation) armed(c *config.Config) *config.Config {
	for name, task := range c.Tasks.All() {
		task.Action, task.Timeout = simAction{s, name, s.killed}, 0
		c.Tasks = c.Tasks.With(task)
	}
	return c
}

// note keeps what happened.
func (s *simulation) note(format string, args ...any) {
	s.notes = append(s.notes, time.Now().Format("02 15:04:05 ")+fmt.Sprintf(format, args...))
}

// simAction is what each task does: it takes some minutes, and fails now and then, as
// the id of the run decides.
type simAction struct {
	s      *simulation
	task   string
	killed <-chan struct{} // of its daemon
}

func (a simAction) Run(ctx context.Context, in runner.Input, _ io.Writer) error {
	sum := fnv.New64a()
	fmt.Fprint(sum, in.Run, in.Attempt)
	rng := rand.New(rand.NewPCG(sum.Sum64(), 1))
	select {
	case <-a.killed: // it would not have begun
		return errors.New("killed")
	default:
	}
	s, queue, alone := a.s, "", false
	for _, task := range s.tasks {
		if task.name == a.task {
			queue, alone = task.queue, task.overlap != "allow"
		}
	}
	if run, _, err := s.fault.Ledger.Get(context.Background(), in.Run); err != nil || run.State != runner.Running || run.Attempts != in.Attempt {
		s.t.Errorf("attempt %d of %s began, and is recorded as %+v, %v", in.Attempt, in.Run, run, err)
	}
	if (in.Cause == runner.CauseSchedule || in.Cause == runner.CauseCatchup) && !s.stepped && s.fake.Now().Before(in.Scheduled) {
		s.t.Errorf("attempt %d of %s began at %v, before it was due", in.Attempt, in.Run, s.fake.Now())
	}
	if state, err := s.fault.Ledger.Task(context.Background(), a.task); err != nil || holds(state.Hold, s.fake.Now()) {
		s.t.Errorf("attempt %d of %s began at %v during the hold %+v, %v", in.Attempt, in.Run, s.fake.Now(), state.Hold, err)
	}
	s.mu.Lock()
	s.begun[in.Run]++
	s.inQueue[queue]++
	if s.ofTask[a.task]++; alone && s.ofTask[a.task] > 1 {
		s.t.Errorf("%s began at %v beside another run of the task", in.Run, s.fake.Now())
	}
	if n := s.inQueue[queue]; queue != "" && n > simWorkers {
		s.t.Errorf("%d runs of queue %s at once", n, queue)
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if a.killed == s.killed {
			s.inQueue[queue]--
			s.ofTask[a.task]--
		}
	}()
	select {
	case <-time.After(time.Duration(rng.IntN(1500)) * time.Second):
	case <-a.killed: // and so is this
		return errors.New("killed")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if rng.IntN(4) == 0 {
		return errors.New("as the seed says")
	}
	return nil
}

// faultyLedger refuses commits, or is that of a daemon that dies with one.
type faultyLedger struct {
	ledger.Ledger
	mu     sync.Mutex
	full   bool
	late   time.Duration // it answers so much later
	dies   int           // in so many commits; 0: it does not
	before bool          // it dies before that commit, not after
	dead   bool

	recorded func([]ledger.Notice) // receives what is put into the outbox
}

func (f *faultyLedger) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, late, err := f.commit(ctx, c)
	answered := make(chan struct{})
	time.AfterFunc(late, func() { close(answered) }) // the engine does not know the answer yet
	waitFor(c, answered)
	return done, err
}

func (f *faultyLedger) commit(ctx context.Context, c ledger.Change) (done ledger.Committed, late time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	done, err = f.answer(ctx, c)
	return done, f.late, err
}

func (f *faultyLedger) answer(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	switch {
	case f.dead:
		return ledger.Committed{}, ledger.ErrClosed
	case f.full:
		return ledger.Committed{}, ledger.ErrDiskFull
	case f.dies == 0:
		return f.record(ctx, c)
	}
	if f.dies--; f.dies > 0 {
		return f.record(ctx, c)
	}
	f.dead = true
	if !f.before {
		_, _ = f.record(ctx, c)
	}
	return ledger.Committed{}, ledger.ErrClosed
}

// record commits, and tells of the notices.
func (f *faultyLedger) record(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, err := f.Ledger.Commit(ctx, c)
	if err == nil {
		f.recorded(done.Notices)
	}
	return done, err
}

// fails reports whether the ledger does not do what it is there for.
func (f *faultyLedger) fails() (does bool) {
	f.set(func(f *faultyLedger) { does = f.dead || f.full })
	return does
}

// set changes what fails.
func (f *faultyLedger) set(change func(f *faultyLedger)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// simulate runs the day of a seed.
func simulate(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := &simulation{rng: rng, tasks: simTasks(rng), target: &fakeTarget{}, begun: map[string]int{}, inQueue: map[string]int{}, ofTask: map[string]int{}, skipped: map[string][]time.Time{}, notices: map[[2]string]int{}}
	defer func() {
		if t.Failed() {
			t.Logf("to repeat it: go test ./internal/engine -run TestSimulation -sim.seed %d\n%s\n%s", seed, s.file(0), strings.Join(s.notes, "\n"))
		}
	}()
	inBubble(t, noon, "[tasks.none]\nlog = \"x\"\n", func(r *rig) {
		s.rig, s.killed = r, make(chan struct{}) // of the bubble
		r.target, r.forever = s.target, ledger.NewMemory(r.ledgerOptions())
		r.wrap = func(l ledger.Ledger) ledger.Ledger {
			s.fault = &faultyLedger{Ledger: l, recorded: s.countNotices}
			return s.fault
		}
		defer func() { close(s.killed) }()
		r.restart(0)
		s.armed(r.cfg)
		s.reload(0)
		start, began := time.Now(), s.fake.Now()
		clockSteps := rng.IntN(3) == 0
		for revision := 1; time.Since(start) < 24*time.Hour; {
			r.pass(time.Duration(1+rng.IntN(2400)) * time.Second)
			if rng.IntN(3) == 0 { // between the record of a slot and its time
				r.pass(s.fake.Now().Truncate(time.Minute).Add(time.Minute - 10*time.Millisecond).Sub(s.fake.Now()))
			}
			if clockSteps && rng.IntN(12) == 0 {
				s.setClock()
			} else {
				s.act(&revision)
			}
			if s.compare(); t.Failed() {
				return // all following errors would be reported, too
			}
		}
		s.calm()
		s.compare()
		s.check(began, s.fake.Now())
	})
}

// reload puts a file of another revision in force.
func (s *simulation) reload(revision int) {
	cfg := s.armed(s.parse(s.file(revision)))
	err := s.do(s.t.Context(), func() error { return s.swap(s.t.Context(), cfg, config.Diff(s.cfg, cfg), "") })
	if err != nil && !errors.Is(err, ledger.ErrClosed) && !errors.Is(err, ledger.ErrDiskFull) {
		s.t.Errorf("reload: %v", err)
	}
	synctest.Wait()
}

// restarted is a daemon that is killed, and one that starts some time later.
func (s *simulation) restarted(later time.Duration) {
	synctest.Wait()
	before := s.parked()
	dead := false
	s.fault.set(func(f *faultyLedger) { dead, f.dead = f.dead, true }) // who is killed records no end
	s.mu.Lock()
	close(s.killed)
	s.killed = make(chan struct{})
	s.mu.Unlock()
	s.stop()
	s.mu.Lock()
	clear(s.inQueue)
	clear(s.ofTask)
	s.mu.Unlock()
	time.Sleep(later) // time itself is the subject
	next := *s.cfg
	s.rig.live(s.stateDir, s.armed(&next))
	synctest.Wait()
	if dead {
		return // the last commit of the ledger was unknown to that daemon
	}
	after := s.parked()
	for id, was := range before {
		if is, there := after[id]; !there && was.State == runner.Delayed && !was.NotBefore.After(s.fake.Now()) {
			continue // its time has come
		} else if row, _, err := s.ledger.Get(s.t.Context(), id); !there && err == nil && row.Reason.Code == runner.ReasonSuperseded {
			continue // a slot of its task came meanwhile
		} else if is.State != was.State || !is.NotBefore.Equal(was.NotBefore) {
			s.t.Errorf("%s was %s until %v, and is %q until %v after a restart", id, was.State, was.NotBefore, is.State, is.NotBefore)
		}
	}
}

// act does one thing that people, disks and machines do.
func (s *simulation) act(revision *int) {
	rng, ada := s.rng, s.ada()
	task := s.tasks[rng.IntN(len(s.tasks))].name
	try := func(what string, err error) {
		s.note("%s %s: %v", what, task, err)
		if code := api.CodeOf(err); err != nil && code == "" && !errors.Is(err, ledger.ErrDiskFull) && !errors.Is(err, ledger.ErrClosed) {
			s.t.Errorf("%s %s: %v", what, task, err)
		}
		synctest.Wait()
	}
	switch rng.IntN(15) {
	case 0, 1, 2:
		q := api.Request{Task: task, Held: rng.IntN(6) == 0}
		if rng.IntN(3) == 0 {
			q.In = time.Duration(1+rng.IntN(180)) * time.Minute
		}
		if rng.IntN(8) == 0 {
			q.On = "interval 40m"
		}
		run, err := ada.Request(ada.ctx, q, nil)
		if err == nil {
			s.accepted = append(s.accepted, run.ID)
		}
		try("request "+run.ID+" of", err)
	case 3:
		_, err := ada.Hold(ada.ctx, api.Holding{Tasks: []string{task}, For: time.Duration(rng.IntN(3)) * time.Hour})
		try("hold", err)
	case 4:
		_, err := ada.Release(ada.ctx, task)
		try("release", err)
	case 5:
		var pending []string
		s.inLoop(func(context.Context) error {
			for run := range s.view.Pending() {
				pending = append(pending, run.ID)
			}
			return nil
		})
		slices.Sort(pending)
		if len(pending) > 0 {
			id := pending[rng.IntN(len(pending))]
			_, err := ada.Cancel(ada.ctx, id)
			try("cancel "+id+" of", err)
		}
	case 6:
		_, err := ada.StopQueues(ada.ctx, "q")
		try("stop queue", err)
	case 7:
		_, err := ada.StartQueues(ada.ctx, "q")
		try("start queue", err)
	case 8:
		slot, err := ada.Skip(ada.ctx, task)
		if err == nil {
			s.skipped[task] = append(s.skipped[task], slot.At.UTC())
		}
		try("skip", err)
	case 9:
		s.note("reload")
		s.reload(*revision)
		*revision++
	case 10:
		later := time.Duration(rng.IntN(5400)) * time.Second
		s.note("kill, back in %v", later)
		s.restarted(later)
	case 11:
		s.note("the disk is full")
		s.fault.set(func(f *faultyLedger) { f.full = true })
		s.pass(time.Duration(rng.IntN(900)) * time.Second)
		s.fault.set(func(f *faultyLedger) { f.full = false })
		s.pass(2 * time.Second)
	case 12:
		late := time.Duration(1+rng.IntN(90)) * time.Second
		s.note("the ledger answers %v late", late)
		s.fault.set(func(f *faultyLedger) { f.late = late })
		if rng.IntN(2) == 0 {
			go func() { _, _ = ada.Request(ada.ctx, api.Request{Task: task}, nil) }()
			go func() { _, _ = ada.Status(ada.ctx) }()
			go func() { _, _ = ada.Next(ada.ctx, api.NextQuery{N: 1}) }()
		}
		s.pass(time.Duration(rng.IntN(1800)) * time.Second)
		s.fault.set(func(f *faultyLedger) { f.late = 0 })
		s.pass(5 * time.Minute)
	case 13, 14:
		dies, before := 1+rng.IntN(4), rng.IntN(2) == 0
		s.note("dies in %d commits, before it: %v", dies, before)
		s.fault.set(func(f *faultyLedger) { f.dies, f.before = dies, before })
		s.pass(time.Duration(rng.IntN(1800)) * time.Second)
		s.restarted(time.Duration(rng.IntN(120)) * time.Second)
	}
}

// setClock sets the clock, as network time does.
func (s *simulation) setClock() {
	by := time.Duration(s.rng.IntN(5*3600)-7200) * time.Second
	s.note("the clock is set by %v", by)
	s.stepped = true
	s.step(by)
	s.pass(2 * time.Second)
}

// calm lets all that waits come to its end.
func (s *simulation) calm() {
	s.note("calm")
	ada := s.ada()
	ada.must(ada.StartQueues(ada.ctx, "q"))
	for _, task := range s.tasks {
		_, _ = ada.Release(ada.ctx, task.name)
	}
	for _, state := range []runner.State{runner.Held, runner.Recurring} { // those held may recur
		var ids []string
		s.inLoop(func(context.Context) error {
			for _, run := range s.view.Parked("", state) {
				ids = append(ids, run.ID)
			}
			return nil
		})
		for _, id := range ids {
			if state == runner.Held {
				ada.must(ada.Release(ada.ctx, id))
			} else {
				ada.must(ada.Cancel(ada.ctx, id))
			}
		}
	}
	s.pass(6 * time.Hour)
}

// parked is what the daemon knows of the runs that wait for something to come.
func (s *simulation) parked() map[string]runner.Run {
	all := map[string]runner.Run{}
	s.inLoop(func(context.Context) error {
		for _, run := range s.view.Parked("", runner.Held, runner.Delayed, runner.Recurring) {
			all[run.ID] = run
		}
		return nil
	})
	return all
}

// compare holds what the daemon knows against what one would that begins now: a state
// that is kept up to date, and one that is made anew from the ledger, are the same.
func (s *simulation) compare() {
	synctest.Wait()
	s.inLoop(func(ctx context.Context) error {
		if s.fault.fails() {
			return nil
		}
		rows, err := s.fault.Ledger.List(ctx, ledger.Filter{States: append(slices.Clone(waiting), runner.Running)})
		if err != nil {
			return err
		}
		recorded, known := map[string]string{}, map[string]string{}
		queued := 0
		for _, r := range rows {
			recorded[r.ID] = simState(r)
			// What waits for a time, or is held, has room in the queue when that is over.
			if r.State == runner.Queued && r.Queue == "q" && r.NotBefore.IsZero() && r.Attempts == 0 && !r.Reason.Is(runner.ReasonReleased) {
				queued++
			}
		}
		if queued > simCapacity {
			s.t.Errorf("%d runs wait in the queue", queued)
		}
		for _, r := range slices.Concat(s.view.Live(""), s.view.Waiting(""), s.view.Parked("")) {
			known[r.ID] = simState(r)
		}
		s.differ("run", known, recorded)
		states, err := s.fault.Ledger.Tasks(ctx)
		if err != nil {
			return err
		}
		recorded, known = map[string]string{}, map[string]string{}
		for name, state := range states {
			recorded[name] = simJSON(state)
		}
		for name, state := range s.states {
			known[name] = simJSON(state)
		}
		s.differ("state of", known, recorded)
		cursor, err := s.fault.Ledger.Cursor(ctx)
		if err == nil && cursor != s.cursor {
			s.t.Errorf("the cursor is %+v, and recorded is %+v", s.cursor, cursor)
		}
		return err
	})
}

// differ complains of what is known of something, and not recorded, or not the same.
func (s *simulation) differ(what string, known, recorded map[string]string) {
	for id, is := range known {
		if was := recorded[id]; was != is {
			s.t.Errorf("%s %s is known as %q, and recorded as %q", what, id, is, was)
		}
	}
	for id, was := range recorded {
		if _, there := known[id]; !there {
			s.t.Errorf("%s %s is recorded as %q, and not known", what, id, was)
		}
	}
}

// simState is what must be known of a run.
func simState(r runner.Run) string {
	return simJSON([]any{r.State, r.Attempts, r.On, r.Queue, r.Scheduled.UTC(), r.NotBefore.UTC(), r.Params, r.Who, r.Parent})
}

func simJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	// An instant is the same in every zone.
	return simTime.ReplaceAllStringFunc(string(text), func(text string) string {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return text
		}
		return at.UTC().Format(time.RFC3339Nano)
	})
}

var simTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+[+-]\d\d:\d\d`)
