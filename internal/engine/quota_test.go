package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

const parkedTask = "[tasks.t]\nlog = \"x\"\nparams = { p = \"\" }\ninput_max = \"1MiB\"\n"

// The pending requests of a user are limited in number, whatever they wait for and over a
// restart, without effect on other users.
func TestRequestsOfAUserAreBounded(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", parkedTask, func(r *rig) {
		for i := range maxRequests {
			q := api.Request{Task: "t", Key: fmt.Sprint("k", i), In: time.Hour}
			if i%2 == 0 {
				q.In, q.Held = 0, true
			}
			if _, err := r.service().Request(api.AsCaller(r.t.Context(), bobs), q, nil); err != nil {
				t.Fatal(i, err)
			}
		}
		ask := func(key string) error {
			_, err := r.service().Request(api.AsCaller(r.t.Context(), bobs), api.Request{Task: "t", Key: key, In: time.Hour}, nil)
			synctest.Wait()
			return err
		}
		if err := ask("more"); api.CodeOf(err) != api.NotNow {
			t.Errorf("one more: %v", err)
		}
		if err := ask("k1"); err != nil {
			t.Errorf("one of them again: %v", err)
		}
		if id := r.ada().run(api.Request{Key: "roots", In: time.Hour}); id != "t/roots" {
			t.Errorf("root's: %s", id)
		}
		r.restart(0)
		if err := ask("more"); api.CodeOf(err) != api.NotNow {
			t.Errorf("one more after a restart: %v", err)
		}
		r.ada().must(r.ada().Cancel(r.t.Context(), "t/k1"))
		if err := ask("more"); err != nil {
			t.Errorf("in the place of another: %v", err)
		}
		// A run of the task asks for the same user.
		if got := accountOf(runner.Run{Who: "run t/k2", User: "bob"}); got != "bob" {
			t.Errorf("a run's is counted to %q", got)
		}
	})
}

// bobs may do what the user may whose task t is.
var bobs = api.Caller{Who: "bob", Grants: []api.Grant{{May: api.MayOwn, Tasks: func(task string) bool { return task == "t" }}}}

// Recurring requests of a user are few and far between.
func TestRecurringRequestsOfAUserAreBounded(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", parkedTask, func(r *rig) {
		bob, root := r.owner(), r.ada()
		for _, on := range []string{"interval 1s", "interval 9s", "cron * * * * * *", "cron 0,5 * * * * *", "at 12:00:00, 12:00:09"} {
			bob.refused(api.Usage)(bob.Request(bob.ctx, api.Request{Task: "t", Key: "fast", On: on}, nil))
		}
		for i := range maxRecurring {
			if id := bob.run(api.Request{Key: fmt.Sprint("k", i), On: "interval 10s"}); id != fmt.Sprint("t/k", i) {
				t.Fatal(i, id)
			}
		}
		bob.refused(api.NotNow)(bob.Request(bob.ctx, api.Request{Task: "t", Key: "more", On: "interval 1h"}, nil))
		if id := bob.run(api.Request{Key: "k0", On: "interval 20s"}); id != "t/k0" { // changed
			t.Error(id)
		}
		for _, key := range []string{"a", "b"} {
			if id := root.run(api.Request{Key: key, On: "interval 1s"}); id != "t/"+key {
				t.Error(id)
			}
		}
		run := r.caller(api.Caller{Who: "run t/x", Account: "bob"}, api.MayControl)
		run.refused(api.Usage)(run.Reschedule(run.ctx, api.Rescheduling{Name: "t/k0", Expr: "interval 1s"}))
	})
}

func TestOftener(t *testing.T) {
	for expr, want := range map[string]bool{
		"interval 10s": false, "interval 9s": true, "cron * * * * *": false, "cron */10 * * * * *": false, "cron * * * * * *": true,
		"cron 0,58 0,1 * * * *": true, "cron 0 0 29 feb *": false, "at 08:00:00, 08:00:05": true, "weekday mon at 08:00": false,
		"cron 0,59 59 23 * * *": false, "cron 0,59 0,59 0,23 * * *": true, "once 2026-12-24T18:00": false, "cron * * 24 12 *": false,
	} {
		spec, faults := schedule.ParseExpr(expr, time.UTC)
		if faults != nil {
			t.Errorf("%s: %v", expr, faults)
			continue
		}
		if got := isMoreFrequent(spec, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), 10*time.Second); got != want {
			t.Errorf("%s: %v", expr, got)
		}
	}
}

// Parameters and inputs of a user are bounded together, also those that many send at
// the same time; a refused request leaves nothing on the disk.
func TestBytesOfAUserAreBounded(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", parkedTask, func(r *rig) {
		ctx := api.AsCaller(r.t.Context(), bobs)
		const mega = 1 << 20
		answers := make(chan error)
		const crowd = 80
		for i := range crowd {
			go func() {
				_, err := r.service().Request(ctx, api.Request{Task: "t", Key: fmt.Sprint("k", i), Held: true}, strings.NewReader(strings.Repeat("x", mega)))
				answers <- err
			}()
		}
		taken := 0
		for range crowd {
			switch err := <-answers; {
			case err == nil:
				taken++
			case api.CodeOf(err) != api.NotNow:
				t.Error(err)
			}
		}
		synctest.Wait()
		if taken > maxRequestBytes/mega || taken == 0 {
			t.Errorf("%d MiB were taken", taken)
		}
		for i := range crowd { // one after the other all that fits
			_, _ = r.service().Request(ctx, api.Request{Task: "t", Key: fmt.Sprint("m", i), Held: true}, strings.NewReader(strings.Repeat("y", mega)))
			synctest.Wait()
		}
		files, err := filepath.Glob(filepath.Join(r.stateDir, "logs", "t", "*.input"))
		if err != nil || len(files) != maxRequestBytes/mega {
			t.Errorf("%d inputs of %d MiB are kept: %v", len(files), maxRequestBytes/mega, err)
		}
		if half, _ := os.ReadDir(filepath.Join(r.stateDir, "live")); len(half) != 0 {
			t.Errorf("halves are left: %v", half)
		}
		if users := r.quota.users; len(users) != 0 {
			t.Errorf("still counted: %+v", users)
		}
		r.restart(0)
		_, err = r.service().Request(ctx, api.Request{Task: "t", Key: "again", Held: true, Params: map[string]string{"p": strings.Repeat("x", 60<<10)}}, nil)
		if api.CodeOf(err) != api.NotNow {
			t.Errorf("after a restart: %v", err)
		}
	})
}

// A request that cannot be recorded leaves no input, and an existing run keeps its own.
func TestRefusedRequestsLeaveNoInput(t *testing.T) {
	long := strings.Repeat("x", shortInput+1)
	jobs := "autostart = [\"open\"]\n[queues.open]\n[queues.q]\ncapacity = 1\n[tasks.t]\nlog = \"x\"\nqueue = \"q\"\n"
	inBubble(t, "2026-11-21T12:00:00-05:00", jobs, func(r *rig) {
		ada := r.ada()
		ask := func(key, text string, in time.Duration) error {
			_, err := ada.Request(ada.ctx, api.Request{Task: "t", Key: key, In: in}, strings.NewReader(text))
			synctest.Wait()
			return err
		}
		if err := errors.Join(ask("first", long, 0), ask("later", long, time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := ask("full", long, 0); api.CodeOf(err) != api.NotNow {
			t.Errorf("a full queue: %v", err)
		}
		if err := ask("later", long+"y", time.Hour); api.CodeOf(err) != api.Conflict {
			t.Errorf("another one of the same id: %v", err)
		}
		r.wrap = func(book ledger.Ledger) ledger.Ledger { return refusing{book} }
		r.restart(0)
		ada = r.ada()
		if err := ask("broken", long, time.Hour); err == nil {
			t.Error("it was recorded")
		}
		files, err := filepath.Glob(filepath.Join(r.stateDir, "logs", "t", "*"))
		for i := range files {
			files[i] = filepath.Base(files[i])
		}
		if want := []string{"first.input", "later.input"}; err != nil || !slices.Equal(files, want) {
			t.Errorf("kept: %q, %v", files, err)
		}
		if text, err := os.ReadFile(filepath.Join(r.stateDir, "logs", "t", "later.input")); err != nil || string(text) != long {
			t.Errorf("the input of the one that is there has %d bytes, %v", len(text), err)
		}
	})
}

// refusing is a ledger that takes no request.
type refusing struct{ ledger.Ledger }

func (r refusing) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if len(c.Requests) > 0 {
		return ledger.Committed{}, ledger.ErrDiskFull
	}
	return r.Ledger.Commit(ctx, c)
}

// Parameters and inputs are in no list and no stream, only with the run itself.
func TestListsAreBrief(t *testing.T) {
	const secret = "in-no-list"
	inBubble(t, "2026-11-21T12:00:00-05:00", parkedTask, func(r *rig) {
		ada := r.ada()
		ctx, end := context.WithCancel(ada.ctx)
		defer end()
		messages, err := ada.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		params := map[string]string{"p": secret}
		for _, q := range []api.Request{
			{Key: "ended"}, {Key: "held", Held: true}, {Key: "later", In: time.Hour}, {Key: "often", On: "interval 1h"},
		} {
			q.Task, q.Params = "t", params
			if _, err := ada.Request(ada.ctx, q, strings.NewReader(secret)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		check := func(what string, v any, err error) {
			t.Helper()
			if text := fmt.Sprintf("%+v", v); err != nil || strings.Contains(text, secret) {
				t.Errorf("%s: %v\n%s", what, err, text)
			}
		}
		runs, err := ada.Runs(ada.ctx, api.RunQuery{})
		check("runs", runs, err)
		tasks, err := ada.Tasks(ada.ctx)
		for _, task := range tasks {
			check("task", task.Recurring, err)
			check("last", *task.Last, err)
		}
		why, err := ada.Why(ada.ctx, "t", time.Time{})
		check("why", why, err)
		for len(messages) > 0 {
			if m := <-messages; m.Run != nil {
				check("stream", *m.Run, nil)
			}
		}
		for _, key := range []string{"ended", "held", "later", "often"} {
			run, err := ada.Run(ada.ctx, "t/"+key)
			if err != nil || run.Params["p"] != secret || run.Input != secret {
				t.Errorf("show %s: %+v, %v", key, run, err)
			}
		}
	})
}

// A user who exceeds the rate limit is asked to try again later; others are not limited.
func TestPace(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		bob, root := r.owner(), r.ada()
		now := time.Now() // which the ledger must not move on
		r.pace.now = func() time.Time { return now }
		hold := func(a client) error {
			_, err := a.Hold(a.ctx, api.Holding{Tasks: []string{"t"}})
			return err
		}
		var err error
		held := 0
		for ; held < 2*changeBurst && err == nil; held++ {
			err = hold(bob)
		}
		if held != changeBurst+1 || api.CodeOf(err) != api.NotNow {
			t.Errorf("after %d holds: %v", held, err)
		}
		if _, err := bob.CancelAll(bob.ctx, "t"); api.CodeOf(err) != api.NotNow {
			t.Errorf("another change: %v", err)
		}
		if _, err := bob.Tasks(bob.ctx); err != nil {
			t.Errorf("a question: %v", err)
		}
		for range 2 * changeBurst {
			if err := r.pace.allow(root.ctx, 1); err != nil {
				t.Fatalf("root: %v", err)
			}
		}
		now = now.Add(time.Second)
		for i := range changesPerSecond {
			if err := hold(bob); err != nil {
				t.Errorf("change %d after a second: %v", i, err)
			}
		}
		if err := hold(bob); api.CodeOf(err) != api.NotNow {
			t.Errorf("more than %d in a second: %v", changesPerSecond, err)
		}
	})
}
