package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/disktest"
	"rota/runner"
)

const diskJobs = `[rota]
state_dir = %q
[tasks.tick]
cron = "* * * * * *"
command = "echo start $ROTA_RUN >>%[2]s; echo hello; echo end $ROTA_RUN >>%[2]s"
[tasks.every]
cron = "* * * * * *"
missed = "all"
command = "echo start $ROTA_RUN >>%[2]s; echo end $ROTA_RUN >>%[2]s"
[tasks.fork]
cron = "* * * * * *"
mode = "forked"
command = "echo start $ROTA_RUN >>%[2]s; echo hello; sleep 0.5; echo end $ROTA_RUN >>%[2]s"
[tasks.away]
mode = "forked"
command = "echo start $ROTA_RUN >>%[2]s; while [ ! -e %[3]s ] && [ -e %[2]s ]; do sleep 0.05; done; echo end $ROTA_RUN >>%[2]s"
[tasks.tidy]
cron = "* * * * * *"
clean = { path = %[4]q, older_than = "1s" }
[tasks.asked]
command = "echo start $ROTA_RUN >>%[2]s; while [ ! -e %[3]s ] && [ -e %[2]s ]; do sleep 0.05; done; echo end $ROTA_RUN >>%[2]s"
`

// A disk that becomes full takes the outputs first; then the room in reserve
// goes to the record, and to forked runs as long as there is room for their files;
// when that is gone too nothing starts, and the daemon says so and lives on. Once there is room again every slot is accounted for, and no
// run was started twice.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disktest.OnSmallDisk(t, "80m", func(t *testing.T, disk string) { diskFull(t, filepath.Join(disk, "state"), false) })
}

// So it is if the daemon is killed while the disk is full: the next one waits
// until it can begin.
func TestKilledOnAFullDisk(t *testing.T) {
	t.Parallel()
	disktest.OnSmallDisk(t, "80m", func(t *testing.T, disk string) { diskFull(t, filepath.Join(disk, "state"), true) })
}

func diskFull(t *testing.T, state string, killed bool) {
	dir := t.TempDir()
	truth, gate := filepath.Join(dir, "truth"), filepath.Join(dir, "gate")
	old := filepath.Join(dir, "old")
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	big, bigger := state+"-big", state+"-bigger"
	write(t, filepath.Join(dir, "jobs.toml"), fmt.Sprintf(diskJobs, state, truth, gate, old))
	t.Cleanup(func() {
		_ = os.Remove(big)
		_ = os.Remove(bigger)
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Logf("the daemon said: %s", log[max(0, len(log)-20000):])
		}
	})
	client := clientOf(t, state)
	began := time.Now()
	cmd := child(t, dir)
	trouble := func(text string) bool {
		st, err := client.Status(t.Context())
		return err == nil && strings.Contains(strings.Join(st.Trouble, "\n"), text)
	}
	ok := func(task string) int {
		runs, err := client.Runs(t.Context(), api.RunQuery{Task: task, Outcomes: []runner.Outcome{runner.OK}, N: 1000})
		if err != nil {
			return -1
		}
		return len(runs)
	}
	await(t, "runs", func() bool { return ok("tick") > 1 && ok("fork") > 1 })
	for _, task := range []string{"asked", "away"} {
		if _, err := client.Request(t.Context(), api.Request{Task: task, Key: "before"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "start of what was asked for", func() bool { return lines(truth, "start asked/before")+lines(truth, "start away/before") == 2 })

	said := false
	disktest.Fill(t, big)
	await(t, "word of a full disk", func() bool { return trouble("the disk is full") })
	if _, err := os.Stat(filepath.Join(state, "rota.reserve")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the reserve: %v, want it given up", err)
	}
	for _, task := range []string{"tick", "fork"} {
		before := ok(task)
		await(t, "runs that are recorded on a full disk", func() bool { return ok(task) > before+2 })
		runs, err := client.Runs(t.Context(), api.RunQuery{Task: task, Outcomes: []runner.Outcome{runner.OK}, N: 1})
		if err != nil || len(runs) != 1 || !strings.Contains(runs[0].Why, "its output could not be kept: the disk is full") {
			t.Errorf("%+v, %v; want it without its output, and to say so", runs, err)
		}
	}
	write(t, filepath.Join(old, "file"), "x")
	await(t, "removal of old files on a full disk", func() bool {
		_, err := os.Stat(filepath.Join(old, "file"))
		return errors.Is(err, os.ErrNotExist)
	})

	// For some seconds, fill the space that the ledger itself frees, too.
	mute := time.Now()
	for i := 0; time.Since(mute) < 5*time.Second; i++ {
		disktest.Fill(t, fmt.Sprint(bigger, i))
		<-time.After(50 * time.Millisecond)
		switch {
		case trouble("scheduling is paused"):
			said = true
			if _, err := os.Stat(gate); err != nil {
				write(t, gate, "")
			}
		case !said:
			mute = time.Now()
			if i > 500 {
				t.Fatal("the daemon finds room on a full disk")
			}
		}
	}
	promised, refusal := client.Request(t.Context(), api.Request{Task: "asked", Key: "meanwhile"}, nil)
	if killed {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cmd = child(t, dir)
		<-time.After(2 * time.Second)
	}

	all, _ := filepath.Glob(bigger + "*")
	for _, path := range append(all, big) {
		_ = os.Remove(path)
	}
	await(t, "room again", func() bool { return !trouble("scheduling is paused") && !trouble("cannot be recorded") })
	before := 0
	await(t, "answer", func() bool { before = ok("tick"); return before > 0 })
	await(t, "runs", func() bool {
		st, err := client.Status(t.Context())
		return err == nil && st.Waiting == 0 && ok("tick") > before+1 && ok("fork") > 1
	})
	if run, err := client.Run(t.Context(), "asked/meanwhile"); (err == nil) != (refusal == nil) {
		t.Errorf("what was asked for on the full disk: %+v, %v; and now %+v, %v", promised, refusal, run, err)
	}
	await(t, "outputs again", func() bool { return !trouble("the disk is full") })
	await(t, "output", func() bool { run, err := client.Run(t.Context(), "tick"); return err == nil && run.Outputs })
	ended := time.Now()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	cmd = child(t, dir) // takes over what was forked
	await(t, "end of what was forked", func() bool { return ok("away") == 1 && ok("fork") > 1 })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()

	b := openBook(t, state, truth)
	for _, task := range []string{"tick", "every", "fork"} {
		checkSlots(t, task, b.slots(task, ""), began, ended)
	}
	for _, r := range b.rows {
		starts, ends := b.starts[r.ID], b.ends[r.ID]
		switch {
		case r.State != "" && (r.Task != "fork" || r.State != runner.Running) && r.State != runner.Queued:
			t.Errorf("%s is %s since %v", r.ID, r.State, r.Started)
		case starts > 1, r.IsSummary() && starts > 0, r.Outcome == runner.OK && ends != 1 && r.Task != "tidy":
			t.Errorf("%s is %s, was started %d times and ended %d times", r.ID, r.Outcome, starts, ends)
		case r.Outcome == runner.Lost && (!killed || r.Task == "away" || r.Task == "fork" && starts > 0):
			t.Errorf("%s is lost: %s", r.ID, r.Why)
		case r.Outcome == runner.Missed, r.IsSummary() && r.Task == "every" && !strings.Contains(r.Why, "running"):
			t.Errorf("%s is %s (%s), and was less than a minute late", r.ID, r.Outcome, r.Why)
		}
		delete(b.starts, r.ID)
	}
	for id := range b.starts {
		t.Errorf("%s was started and is not in the ledger", id)
	}
	t.Log(b.outcomes)
}
