package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/internal/query"
	"rota/internal/runlog"
	"rota/runner"
)

// summary is a task in one line.
func summary(t api.Task) string {
	text := t.Task + " " + t.State
	add := func(name string, v any, given bool) {
		if given {
			text += fmt.Sprintf(" %s=%v", name, v)
		}
	}
	add("next", t.Next.Format("15:04"), !t.Next.IsZero())
	add("running", t.Running, t.Running != nil)
	add("waiting", t.Waiting, t.Waiting != nil)
	add("failures", t.Failures, t.Failures > 0)
	if t.Last != nil {
		add("last", string(t.Last.Outcome)+string(t.Last.State), true)
	}
	if t.Hold != nil {
		add("hold", t.Hold.By, true)
	}
	if t.On != nil {
		add("on", t.On.Expr, true)
	}
	for _, run := range t.Recurring {
		add("recurring", run.ID, true)
	}
	for _, at := range t.Skip {
		add("skip", at.Format("15:04"), true)
	}
	return text
}

func TestReaderTasks(t *testing.T) {
	const jobs = "[tasks.t]\ncron = \"0 * * * *\"\nlog = \"x\"\n"
	for _, c := range []struct {
		name string
		do   func(s *readerRig)
		want string
	}{
		{"new", func(s *readerRig) {}, "t new next=13:00"},
		{"running", func(s *readerRig) { s.start() }, "t running next=13:00 running=[t/20261121T120000Z] last=running"},
		{"queued", func(s *readerRig) { s.advance(runner.Batch{Runs: []runner.Run{s.slot("")}}) }, "t queued next=13:00 waiting=[t/20261121T120000Z]"},
		{"failed", func(s *readerRig) {
			s.do(s.book.Finish(s.t.Context(), s.start(), runner.Result{Outcome: runner.Failed}))
		}, "t failed next=13:00 failures=1 last=failed"},
		{"skipped slots are not its last run", func(s *readerRig) {
			s.do(s.book.Finish(s.t.Context(), s.start(), runner.Result{Outcome: runner.OK}))
			s.at = s.hour(13)
			s.advance(runner.Batch{Summaries: []runner.Run{skippedRow(s, runner.Skipped, runner.Reason{Code: runner.ReasonHeld})}})
		}, "t ok next=14:00 last=ok"},
		{"held", func(s *readerRig) { s.state(ledger.TaskState{Hold: &ledger.Hold{By: "ada", Since: s.at}}) }, "t held next=13:00 hold=ada"},
		{"held no more", func(s *readerRig) {
			s.state(ledger.TaskState{Hold: &ledger.Hold{By: "ada", Since: s.hour(10), Until: s.hour(11)}})
		}, "t new next=13:00"},
		{"its next slot is skipped", func(s *readerRig) {
			s.state(ledger.TaskState{Skip: []ledger.Skip{{Slot: s.hour(11)}, {Slot: s.hour(13)}}})
		}, "t new next=14:00 skip=13:00"},
		{"rescheduled", func(s *readerRig) {
			s.state(ledger.TaskState{Reschedule: &ledger.Reschedule{Expr: "interval 10m", Since: s.at, For: plan.TriggerKeys(s.Config().Tasks.Get("t"))}})
		}, "t new next=12:10 on=interval 10m"},
		{"rescheduled to never", func(s *readerRig) {
			s.state(ledger.TaskState{Reschedule: &ledger.Reschedule{Expr: plan.Never, Since: s.at, For: plan.TriggerKeys(s.Config().Tasks.Get("t"))}})
		}, "t new on=never"},
		{"to never for a time", func(s *readerRig) {
			s.state(ledger.TaskState{Reschedule: &ledger.Reschedule{Expr: plan.Never, Since: s.at, Until: s.hour(15.5), For: plan.TriggerKeys(s.Config().Tasks.Get("t"))}})
		}, "t new next=16:00 on=never"},
		{"rescheduled, but its triggers changed since", func(s *readerRig) {
			s.state(ledger.TaskState{Reschedule: &ledger.Reschedule{Expr: plan.Never, Since: s.at, For: "others"}})
		}, "t new next=13:00"},
		{"asked for later", func(s *readerRig) {
			_, err := s.book.Submit(s.t.Context(), runner.Run{ID: "t/k", Task: "t", Cause: runner.CauseManual, State: runner.Delayed, NotBefore: s.hour(20), Scheduled: s.hour(20)})
			s.do(err)
		}, "t new next=13:00 waiting=[t/k]"},
		{"with a recurring request", func(s *readerRig) {
			_, err := s.book.Submit(s.t.Context(), runner.Run{ID: "t/k", Task: "t", Cause: runner.CauseManual, State: runner.Recurring, On: "interval 20m", Scheduled: s.at})
			s.do(err)
		}, "t new next=12:20 recurring=t/k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newReaderRig(t, jobs)
			c.do(s)
			tasks, err := s.Tasks(t.Context(), "t")
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(tasks[0]); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			all, err := s.Tasks(t.Context())
			if err != nil || len(all) != 1 || summary(all[0]) != c.want || all[0].Settings != nil || len(tasks[0].Settings) < 20 {
				t.Errorf("without names: got %+v, %v", all, err)
			}
		})
	}
	_, err := newReaderRig(t, jobs).Tasks(t.Context(), "T2")
	if api.CodeOf(err) != api.NotFound {
		t.Errorf("an unknown name: got %v", err)
	}
}

// state sets the state of the task t, beside when its triggers were first seen.
func (s *readerRig) state(next ledger.TaskState) {
	s.t.Helper()
	prev, err := s.book.Task(s.t.Context(), "t")
	s.do(err)
	next.FirstSeen = prev.FirstSeen
	s.do(s.book.SetTask(s.t.Context(), "t", prev, next))
}

func TestReaderNext(t *testing.T) {
	s := newReaderRig(t, `
[tasks.t]
cron = "*/30 * * * *"
log = "x"
[tasks.both]
triggers = [{ at = "12:45" }, { at = "12:45", weekday = "sat" }, { interval = "50m" }]
log = "x"
[tasks.finish]
interval = "1h"
anchor = "finish"
log = "x"
[tasks.hand]
log = "x"
[tasks.boot]
at_start = true
log = "x"
`)
	s.state(ledger.TaskState{Hold: &ledger.Hold{Since: s.at, Until: s.hour(12.75)}})
	for _, c := range []struct {
		q    api.NextQuery
		want string
	}{
		{api.NextQuery{}, "12:30 both, 12:30 t (held), 13:00 finish (then from the end of each run)"},
		{api.NextQuery{Tasks: []string{"t"}, N: 3}, "12:30 t (held), 13:00 t, 13:30 t"},
		{api.NextQuery{Tasks: []string{"both"}, N: 3}, "12:30 both, 12:45 both, 13:20 both"},
		{api.NextQuery{N: 10, Until: s.hour(13)}, "12:30 both, 12:30 t (held), 12:45 both, 13:00 finish (then from the end of each run), 13:00 t"},
		{api.NextQuery{Until: s.hour(13)}, "12:30 both, 12:30 t (held), 12:45 both, 13:00 finish (then from the end of each run), 13:00 t"},
		{api.NextQuery{Tasks: []string{"hand", "boot"}}, ""},
	} {
		slots, err := s.Next(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, slot := range slots {
			text := slot.At.Format("15:04 ") + slot.Task
			if slot.Note != "" {
				text += " (" + slot.Note + ")"
			}
			got = append(got, text)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%+v:\ngot  %s\nwant %s", c.q, text, c.want)
		}
	}
	if _, err := s.Next(t.Context(), api.NextQuery{N: query.MaxSlots + 1}); api.CodeOf(err) != api.Usage {
		t.Errorf("too many: got %v", err)
	}
}

// The next slots computed without a daemon are those of a daemon's agenda.
func TestNextIsThatOfTheAgenda(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", `
[tasks.a]
interval = "7m"
log = "x"
[tasks.b]
triggers = [{ cron = "*/20 * * * *", jitter = "10m" }, { weekday = "sun", at = "02:30" }]
log = "x"
[tasks.c]
interval = "11m"
anchor = "finish"
log = "x"
[tasks.d]
cron = "5 * * * *"
log = "x"
`, func(r *rig) {
		ask := func(q api.NextQuery) string {
			t.Helper()
			alone := r.asker()
			alone.Agenda = nil
			slots, err := alone.Next(r.t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.MarshalIndent(slots, "", " ")
			return strings.ReplaceAll(string(text), "then from the end of each run", "")
		}
		byAgenda := func(q api.NextQuery) string {
			t.Helper()
			slots, err := r.asker().Next(r.t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.MarshalIndent(slots, "", " ")
			return strings.ReplaceAll(string(text), "then from the end of each run", "")
		}
		for step, do := range []func(){
			func() { r.pass(time.Second) },
			func() { r.pass(90 * time.Minute) },
			func() {
				r.inLoop(func(ctx context.Context) error {
					_, err := r.reschedule(ctx, api.Rescheduling{Name: "a", Expr: "interval 13m"}, "ada")
					return err
				})
			},
			func() {
				r.inLoop(func(ctx context.Context) error { _, err := r.skipNext(ctx, "d", "ada"); return err })
			},
			func() { r.pass(3 * time.Hour) },
		} {
			do()
			for _, q := range []api.NextQuery{{}, {Tasks: []string{"a", "b", "d"}, N: 7}} {
				if got, want := ask(q), byAgenda(q); got != want {
					t.Errorf("step %d: without a daemon\n%s\nby its agenda\n%s", step, got, want)
				}
			}
		}
	})
}

func TestReaderRuns(t *testing.T) {
	ctx := t.Context()
	s := newReaderRig(t, "[tasks.t]\ncron = \"0 * * * *\"\nlog = \"x\"\n[tasks.other]\nlog = \"x\"\n")
	first := s.start()
	s.do(s.book.Finish(ctx, first, runner.Result{Outcome: runner.Failed, Why: "exit 1"}))
	s.at = s.hour(13)
	second := s.start()
	s.at = s.hour(14)
	s.advance(runner.Batch{Summaries: []runner.Run{skippedRow(s, runner.Skipped, runner.Reason{Code: runner.ReasonOverlapRunning})}})

	list := func(q api.RunQuery) (ids []string) {
		t.Helper()
		runs, err := s.Runs(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range runs {
			ids = append(ids, run.ID[len("t/20261121T"):])
		}
		return ids
	}
	for _, c := range []struct {
		q    api.RunQuery
		want string
	}{
		{api.RunQuery{}, "[140000Z 130000Z 120000Z]"},
		{api.RunQuery{Task: "t", N: 1}, "[140000Z]"},
		{api.RunQuery{Outcomes: []runner.Outcome{runner.Failed}}, "[120000Z]"},
		{api.RunQuery{States: []runner.State{runner.Running}}, "[130000Z]"},
		{api.RunQuery{Since: s.hour(13)}, "[140000Z 130000Z]"},
		{api.RunQuery{Task: "other"}, "[]"},
	} {
		if got := fmt.Sprint(list(c.q)); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.q, got, c.want)
		}
	}
	if _, err := s.Runs(ctx, api.RunQuery{Task: "othre"}); api.CodeOf(err) != api.NotFound {
		t.Errorf("an unknown task: got %v", err)
	}
	run, err := s.Run(ctx, "t")
	if err != nil || run.ID != second.Run.ID || len(run.Transitions) != 2 || run.Outputs {
		t.Errorf("its newest run: got %+v, %v", run, err)
	}
	for id, want := range map[string]string{
		"t/nope": `no run "t/nope"; to see what there is: rota history t`,
		"other":  `task "other" has no run yet`,
		"ohter":  `no task "ohter"; did you mean "other"?`,
	} {
		if _, err := s.Run(ctx, id); api.CodeOf(err) != api.NotFound || err.Error() != want {
			t.Errorf("%s: got %v", id, err)
		}
	}
	if _, err := s.Result(ctx, "t"); api.CodeOf(err) != api.NotNow {
		t.Errorf("a result before the end: got %v", err)
	}
	if _, err := s.Result(ctx, first.Run.ID); api.CodeOf(err) != api.NotFound {
		t.Errorf("no result: got %v", err)
	}
}

func TestReaderQueues(t *testing.T) {
	ctx := t.Context()
	s := newReaderRig(t, "[queues.\"site1@mail\"]\nworkers = 2\n[queues.\"site2@mail\"]\n[tasks.t]\nqueue = \"site1@mail\"\nlog = \"x\"\n")
	s.do(s.book.SetTask(ctx, ledger.QueueName("site2@mail"), ledger.TaskState{}, ledger.TaskState{Hold: &ledger.Hold{By: "ada", Since: s.at}}))
	run := s.slot("site1@mail")
	s.advance(runner.Batch{Runs: []runner.Run{run}, Claim: []string{run.ID}})
	s.at = s.hour(13)
	s.advance(runner.Batch{Runs: []runner.Run{s.slot("site1@mail")}})
	for _, c := range []struct {
		patterns []string
		want     string
	}{
		{nil, "main started 0/1 +0, site1@mail started 1/2 +1, site2@mail stopped 0/1 +0 by ada"},
		{[]string{"*@mail"}, "site1@mail started 1/2 +1, site2@mail stopped 0/1 +0 by ada"},
		{[]string{"main", "site3@*"}, `main started 0/1 +0; "site3@*" matches no queue`},
	} {
		q, err := s.Queues(ctx, c.patterns...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range q.Queues {
			text := fmt.Sprintf("%s %s %d/%d +%d", x.Queue, x.State, len(x.Running), x.Workers, x.Waiting)
			if x.Hold != nil {
				text += " by " + x.Hold.By
			}
			got = append(got, text)
		}
		text := strings.Join(got, ", ")
		for _, w := range q.Warnings {
			text += "; " + w
		}
		if text != c.want {
			t.Errorf("%q: got %s, want %s", c.patterns, text, c.want)
		}
	}
}

func TestOffline(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	path := filepath.Join(dir, "jobs.toml")
	cfg, err := config.Parse(path, "[rota]\nstate_dir = \""+dir+"/state\"\n[tasks.t]\ncron = \"0 * * * *\"\nlog = \"x\"\n", config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	read := func(f func(r api.Reader)) {
		t.Helper()
		r, closer, err := query.Offline(ctx, cfg, cfg.Rota.StateDir)
		if err != nil {
			t.Fatal(err)
		}
		defer closer.Close()
		f(r)
	}
	read(func(r api.Reader) { // before there ever was a daemon
		tasks, err := r.Tasks(ctx)
		if err != nil || len(tasks) != 1 || tasks[0].State != "new" || tasks[0].Next.IsZero() {
			t.Errorf("got %+v, %v", tasks, err)
		}
		if st, err := r.Status(ctx); err != nil || st.Daemon || st.Tasks != 1 || st.Epoch != 0 {
			t.Errorf("got %+v, %v", st, err)
		}
		if why, err := r.Why(ctx, "t", time.Time{}); err != nil || why.Reason != "new" {
			t.Errorf("got %+v, %v", why, err)
		}
	})
	if _, err := os.Stat(filepath.Join(dir, "state")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("to look made a state directory: %v", err)
	}

	book, err := ledger.Open(ctx, dir+"/state", ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	run := runner.Run{ID: runner.SlotID("t", now, 1), Task: "t", Cause: runner.CauseSchedule, State: runner.Queued, Scheduled: now, Queued: now}
	leases, err := short(book).Advance(ctx, ledger.Cursor{}, ledger.Cursor{Epoch: 1, Through: now}, runner.Batch{Runs: []runner.Run{run}, Claim: []string{run.ID}})
	if err != nil {
		t.Fatal(err)
	}
	out := runlog.NewOutput(dir+"/state/logs/t/"+run.ID[2:]+".1.log", 1<<20, nil)
	fmt.Fprintln(out, "hello")
	out.Close()
	if err := os.WriteFile(dir+"/state/logs/t/"+run.ID[2:]+".result", []byte("42"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := short(book).Finish(ctx, leases[0], runner.Result{Outcome: runner.OK, Result: 2}); err != nil {
		t.Fatal(err)
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	read(func(r api.Reader) {
		tasks, err := r.Tasks(ctx)
		if err != nil || tasks[0].State != "ok" || tasks[0].LastSuccess.IsZero() {
			t.Errorf("got %+v, %v", tasks, err)
		}
		if st, err := r.Status(ctx); err != nil || st.Epoch != 1 || st.LedgerBytes == 0 || st.OutputBytes < 10 || st.Next == nil {
			t.Errorf("got %+v, %v", st, err)
		}
		if run, err := r.Run(ctx, "t"); err != nil || !run.Outputs {
			t.Errorf("got %+v, %v", run, err)
		}
		for what, open := range map[string]func() (io.ReadCloser, error){
			"hello\n": func() (io.ReadCloser, error) { return r.Log(ctx, api.LogQuery{Run: "t", Follow: true}) },
			"42":      func() (io.ReadCloser, error) { return r.Result(ctx, "t") },
		} {
			f, err := open()
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(f); err != nil || !strings.HasSuffix(string(text), what) {
				t.Errorf("got %q, %v", text, err)
			}
			f.Close()
		}
		if why, err := r.Why(ctx, run.ID, time.Time{}); err != nil || why.Reason != "ran" {
			t.Errorf("got %+v, %v", why, err)
		}
	})
}
