package main_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/runner"
)

var (
	loadTasks   = flag.Int("load.tasks", 20, "how many tasks run each second in TestLoad")
	loadAtOnce  = flag.Int("load.atonce", 1000, "how many requests TestLoad has under way at once")
	loadRounds  = flag.Int("load.rounds", 1, "how often it makes that many")
	loadEvery   = flag.Duration("load.every", 0, "spreads each round over so long, instead of all in one instant")
	loadRest    = flag.Duration("load.rest", 0, "how long it only looks on before, to know the lag without load")
	loadPattern = flag.String("load.kinds", "", "the kinds of request that it makes; empty: all")
)

// loadFile is a file with n tasks that run each second, every tenth of them a
// command, and three that are run by asking.
func loadFile(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[tasks.t%d]\ncron = \"* * * * * *\"\n", i)
		if i%10 == 9 {
			b.WriteString("command = [\"echo\", \"done\"]\n")
		} else {
			b.WriteString("log = { message = \"x\", level = \"debug\" }\n")
		}
	}
	b.WriteString(`
[tasks.echo]
command = 'cat >"$ROTA_RESULT_FILE"'
[tasks.held]
log = "x"
[tasks.later]
log = "x"
`)
	return b.String()
}

// kind is one kind of request.
type kind struct {
	name string
	do   func(ctx context.Context, c *control.Client, key string) error
}

// errMissing is the error of an answer that lacks something.
func errMissing(what string, have bool) error {
	if have {
		return nil
	}
	return errors.New("no " + what)
}

// toEnd is the error of a text that is read to its end.
func toEnd(r io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// endedKey is the key of the id of a run that has ended.
type endedKey struct{}

func ended(ctx context.Context) string { return ctx.Value(endedKey{}).(string) }

// kinds are all kinds of requests, each of which has to do what it says. Those
// that another of the same may forestall may say so.
var kinds = []kind{
	{"status", func(ctx context.Context, c *control.Client, _ string) error {
		s, err := c.Status(ctx)
		return cmp.Or(err, errMissing("daemon", s.Daemon))
	}},
	{"list", func(ctx context.Context, c *control.Client, _ string) error {
		tasks, err := c.Tasks(ctx)
		return cmp.Or(err, errMissing("tasks", len(tasks) > 3))
	}},
	{"task", func(ctx context.Context, c *control.Client, _ string) error {
		tasks, err := c.Tasks(ctx, "t1")
		return cmp.Or(err, errMissing("task", len(tasks) == 1))
	}},
	{"next", func(ctx context.Context, c *control.Client, _ string) error {
		slots, err := c.Next(ctx, api.NextQuery{N: 2})
		return cmp.Or(err, errMissing("slots", len(slots) > 3))
	}},
	{"history", func(ctx context.Context, c *control.Client, _ string) error {
		runs, err := c.Runs(ctx, api.RunQuery{N: 20})
		return cmp.Or(err, errMissing("runs", len(runs) > 0))
	}},
	{"show", func(ctx context.Context, c *control.Client, _ string) error {
		run, err := c.Run(ctx, "t2")
		return cmp.Or(err, errMissing("transitions", len(run.Transitions) > 0))
	}},
	{"why", func(ctx context.Context, c *control.Client, _ string) error {
		why, err := c.Why(ctx, "t3", time.Time{})
		return cmp.Or(err, errMissing("sentence", len(why.Text) > 0))
	}},
	{"queues", func(ctx context.Context, c *control.Client, _ string) error {
		_, err := c.Queues(ctx)
		return err
	}},
	{"logs", func(ctx context.Context, c *control.Client, _ string) error {
		return toEnd(c.Log(ctx, api.LogQuery{Run: ended(ctx)}))
	}},
	{"run", func(ctx context.Context, c *control.Client, key string) error {
		run, err := c.Request(ctx, api.Request{Task: "later", Key: key}, nil)
		if err != nil {
			return err
		}
		run, err = c.Wait(ctx, run.ID)
		return cmp.Or(err, errMissing("outcome ok, but "+string(run.Outcome), run.Outcome == "ok"))
	}},
	{"cancel", func(ctx context.Context, c *control.Client, key string) error {
		run, err := c.Request(ctx, api.Request{Task: "later", Key: key, In: time.Hour}, nil)
		if err != nil {
			return err
		}
		run, err = c.Cancel(ctx, run.ID)
		return cmp.Or(err, errMissing("end", run.Outcome == "cancelled"))
	}},
	{"hold", func(ctx context.Context, c *control.Client, _ string) error {
		tasks, err := c.Hold(ctx, api.Holding{Tasks: []string{"held"}})
		return cmp.Or(err, errMissing("task", len(tasks) == 1))
	}},
	{"release", func(ctx context.Context, c *control.Client, _ string) error {
		if _, err := c.Release(ctx, "held"); api.CodeOf(err) != api.Conflict {
			return err
		}
		return nil // somebody else released it
	}},
	{"events", func(ctx context.Context, c *control.Client, _ string) error {
		ctx, end := context.WithCancel(ctx)
		defer end()
		_, err := c.Watch(ctx)
		if api.CodeOf(err) == api.NotNow {
			return nil // there are as many as there may be
		}
		return err
	}},
}

// TestLoad sends a thousand requests of all kinds at once while tasks run each second.
// Each is answered, and each slot is recorded. The duration is reported and not tested;
// to measure it: go test -run TestLoad -v -load.tasks 100 -load.rest 10s -load.rounds 20
// -load.every 1s
func TestLoad(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, loadFile(*loadTasks))
	d.msg(new(int), "started", "")
	c := d.client()
	ctx := t.Context()
	some := slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool {
		return *loadPattern != "" && !slices.Contains(strings.Split(*loadPattern, ","), k.name)
	})
	// A first run of each that is asked about.
	awaitNil(t, "a run of each", func() error {
		for _, task := range []string{"t1", "t2", "t3", "t9"} {
			if run, err := c.Wait(ctx, task); err != nil || run.Outcome == "" {
				return fmt.Errorf("%v %v", run, err)
			}
		}
		return nil
	})
	done, err := c.Runs(ctx, api.RunQuery{Task: "t9", Outcomes: []runner.Outcome{runner.OK}, N: 1})
	if err != nil || len(done) == 0 {
		t.Fatal(done, err)
	}
	ctx = context.WithValue(ctx, endedKey{}, done[0].ID)
	<-time.After(*loadRest)
	began := time.Now()
	took := map[string][]time.Duration{}
	var mu sync.Mutex
	failed := 0
	var all sync.WaitGroup
	for i := range *loadAtOnce {
		all.Go(func() {
			for round := range *loadRounds {
				k := some[(i+round)%len(some)]
				<-time.After(time.Until(began.Add(time.Duration(round)**loadEvery + time.Duration(i)**loadEvery/time.Duration(*loadAtOnce))))
				at := time.Now()
				err := k.do(ctx, c, fmt.Sprintf("r%d-%d", round, i))
				mu.Lock()
				took[k.name] = append(took[k.name], time.Since(at))
				if err != nil {
					if failed++; failed < 10 {
						t.Errorf("%s: %v", k.name, err)
					}
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	over := time.Now()
	if _, err := c.Release(ctx, "held"); err != nil && api.CodeOf(err) != api.Conflict {
		t.Error(err)
	}
	var every []time.Duration
	for _, k := range some {
		every = append(every, took[k.name]...)
		t.Logf("%-8s %s", k.name, quantiles(took[k.name]))
	}
	if len(every) != *loadAtOnce**loadRounds || failed > 0 {
		t.Errorf("%d of %d requests were answered, %d with errors", len(every), *loadAtOnce**loadRounds, failed)
	}
	t.Logf("%-8s %s, %.0f a second", "all", quantiles(every), float64(len(every))/over.Sub(began).Seconds())
	d.accountFor(t, c, began, over)
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// accountFor checks that each second of each task is in its history, and reports how late
// they were started before and during the load.
func (d *daemon) accountFor(t *testing.T, c *control.Client, began, over time.Time) {
	t.Helper()
	var before, during []time.Duration
	for i := range *loadTasks {
		task := fmt.Sprint("t", i)
		runs, err := c.Runs(t.Context(), api.RunQuery{Task: task, N: 10_000})
		if err != nil || len(runs) == 0 {
			t.Fatalf("%s: %d runs, %v", task, len(runs), err)
		}
		slots := map[int64]bool{}
		summarized := 0
		first, last := runs[0].Scheduled, runs[0].Scheduled
		for _, r := range runs {
			from, to := r.Scheduled, r.Scheduled
			if r.Count > 0 { // slots that did not run
				summarized += r.Count
				from, to = r.First, r.Last
			} else {
				slots[r.Scheduled.Unix()] = true
				lag := r.Started.Sub(r.Scheduled)
				switch {
				case r.Started.IsZero():
				case r.Scheduled.Before(began):
					before = append(before, lag)
				case r.Scheduled.Before(over):
					during = append(during, lag)
				}
			}
			if from.Before(first) {
				first = from
			}
			if to.After(last) {
				last = to
			}
		}
		if due := int(last.Sub(first)/time.Second) + 1; len(slots)+summarized != due || last.Before(over.Add(-time.Minute)) {
			t.Errorf("%s: %d runs and %d slots that did not run, of %d due from %v to %v", task, len(slots), summarized, due, first, last)
		}
	}
	t.Logf("slots before:  started after %s", quantiles(before))
	t.Logf("slots meanwhile: started after %s", quantiles(during))
}

// quantiles are those of durations that people ask for.
func quantiles(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	at := func(q float64) time.Duration { return all[int(q*float64(len(all)-1))].Round(10 * time.Microsecond) }
	return fmt.Sprintf("p50 %v p90 %v p99 %v max %v (%d)", at(0.5), at(0.9), at(0.99), at(1), len(all))
}

// manyTasks is a file with n tasks in it that are not due.
func manyTasks(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[tasks.task%05d]\nat = \"%02d:%02d\"\nlog = \"x\"\n", i, i%24, i%60)
	}
	return b.String()
}

// BenchmarkManyTasks is what commands cost that look at 10,000 tasks, in
// processes of their own.
func BenchmarkManyTasks(b *testing.B) {
	dir := b.TempDir()
	put(b, filepath.Join(dir, "jobs.toml"), header+manyTasks(10_000))
	d := startDaemon(b, dir, nil)
	d.msg(new(int), "started", "")
	for _, args := range []string{"status", "list", "next", "ps", "show task00001", "history", "why task00001", "run task00001", "__complete run task0000", "__complete hold ta"} {
		b.Run(strings.ReplaceAll(args, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				if code, _, stderr := d.rota(strings.Fields(args)...); code != 0 {
					b.Fatalf("%s: %d %s", args, code, stderr)
				}
			}
		})
	}
}
