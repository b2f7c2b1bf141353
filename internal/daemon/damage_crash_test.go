package daemon

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// If its ledger is removed or damaged while it runs, the daemon continues, with a new
// ledger if necessary: it reports what it found and where it moved it, adopts the earlier
// forked run, and counts from then on. Damaged records are not used.
func TestLedgerDamagedWhileItRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(path string) error
		anew  string // what is logged about the replaced ledger; "": it may still be in use
	}{
		{"removed", os.Remove, "was removed while it was in use"},
		{"removed with its log", func(path string) error {
			return errors.Join(os.Remove(path), os.Remove(path+"-wal"), os.Remove(path+"-shm"))
		}, "was removed while it was in use"},
		{"without its log", func(path string) error { return os.Remove(path + "-wal") }, "was removed while it was in use"},
		{"without the index of its log", func(path string) error { return os.Remove(path + "-shm") }, "was removed while it was in use"},
		{"replaced", func(path string) error {
			return errors.Join(os.WriteFile(path+".new", bytes.Repeat([]byte("no database "), 9000), 0o600), os.Rename(path+".new", path))
		}, "was replaced while it was in use"},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }, "damaged"},
		{"cut", func(path string) error { return os.Truncate(path, 5000) }, "damaged"},
		{"with the index of its log emptied", func(path string) error { return os.Truncate(path+"-shm", 0) }, ""},
		{"overwritten", func(path string) error { return scribble(path, 0) }, ""},
		{"flipped", func(path string) error { return scribble(path, 300) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			state, log, truth := filepath.Join(dir, "state"), filepath.Join(dir, "log"), filepath.Join(dir, "truth")
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(logOf(t, log))
				}
			})
			const tick = "[rota]\nstate_dir = \"state\"\n[tasks.tick]\ncron = \"* * * * * *\"\ncommand = \"echo start $ROTA_RUN >>truth\"\n"
			const long = "[tasks.long]\nmode = \"forked\"\ncommand = \"echo start $ROTA_RUN >>truth; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done; exit 3\"\n"
			write(t, filepath.Join(dir, "jobs.toml"), tick+long)
			client := clientOf(t, state)
			cmd := child(t, dir)
			await(t, "run", func() bool { return lines(log, "msg=ok task=tick") > 0 })
			_ = cmd.Process.Signal(syscall.SIGTERM) // so that what is written is in the database
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(filepath.Join(state, "rota.db")); err != nil || info.Size() < 20_000 {
				t.Fatalf("after a stop: %v, %+v", err, info)
			}
			cmd = child(t, dir)
			await(t, "answer", func() bool { st, err := client.Status(t.Context()); return err == nil && st.PID == cmd.Process.Pid })
			for _, key := range []string{"kept", "lost"} {
				if _, err := client.Request(t.Context(), api.Request{Task: "long", Key: key, Held: key == "lost"}, nil); err != nil {
					t.Fatal(err)
				}
			}
			await(t, "runs", func() bool { return lines(truth, "start long/kept") == 1 && lines(log, "msg=ok task=tick") > 2 })
			if err := c.spoil(filepath.Join(state, "rota.db")); err != nil {
				t.Fatal(err)
			}
			spoiled := time.Now()
			if c.anew != "" {
				await(t, "word of the damage", func() bool { return lines(log, "starting with a new one") > 0 })
				await(t, "adoption", func() bool { return lines(log, `msg="adopted a forked run of an earlier daemon" task=long`) > 0 })
			}
			well := lines(log, "msg=ok task=tick")
			await(t, "runs after the damage", func() bool { return lines(log, "msg=ok task=tick") > well+2 })
			if st, err := client.Status(t.Context()); err != nil || st.PID != cmd.Process.Pid {
				t.Errorf("status: %+v, %v; want the daemon of before", st, err)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			write(t, filepath.Join(dir, "go"), "")
			cmd = child(t, dir)
			await(t, "end of the forked run", func() bool {
				run, err := client.Run(t.Context(), "long/kept")
				return err == nil && run.Outcome == runner.Failed && run.Why == "exit 3"
			})
			await(t, "runs after the restart", func() bool {
				runs, err := client.Runs(t.Context(), api.RunQuery{Task: "tick", Outcomes: []runner.Outcome{runner.OK}})
				return err == nil && len(runs) > 1
			})
			ended := time.Now()
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Errorf("after SIGTERM: %v", err)
			}
			if c.anew != "" && !regexp.MustCompile(c.anew).MatchString(logOf(t, log)) {
				t.Errorf("nothing says that it %s", c.anew)
			}
			aside, _ := filepath.Glob(filepath.Join(state, "rota.db.damaged-*"))
			for _, path := range aside {
				// That of the database stands for what belongs to it.
				if name, _, _ := strings.Cut(filepath.Base(path), "Z"); lines(log, name) == 0 {
					t.Errorf("%s is not named", path)
				}
			}
			if c.anew != "" && len(aside) == 0 && c.name != "removed with its log" {
				t.Error("nothing is set aside")
			}

			b := openSpoiledBook(t, state, truth)
			if b.found != "" && c.anew != "" {
				t.Errorf("the new ledger is not sound: %s", b.found)
			}
			for _, r := range b.rows {
				switch {
				case r.Task != "tick" && r.ID != "long/kept" && (r.ID != "long/lost" || c.anew != ""):
					t.Errorf("a row out of nothing: %+v", r)
				case r.Outcome == runner.OK && b.starts[r.ID] != 1, b.starts[r.ID] > 1:
					t.Errorf("%s is %s, and was started %d times", r.ID, r.Outcome, b.starts[r.ID])
				}
			}
			if c.anew != "" {
				checkSlots(t, "tick", b.slots("tick", ""), spoiled, ended)
			}
		})
	}
}

// scribble writes over a database behind its first page: everywhere, or so many
// bits of it.
func scribble(path string, bits int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() <= 4096 {
		return errors.Join(err, fs.ErrInvalid)
	}
	if bits == 0 {
		_, err := f.WriteAt(bytes.Repeat([]byte{0x5a}, int(info.Size()-4096)), 4096)
		return err
	}
	for range bits {
		at, one := 4096+rand.Int64N(info.Size()-4096), make([]byte, 1)
		if _, err := f.ReadAt(one, at); err != nil {
			return err
		}
		one[0] ^= 1 << rand.IntN(8)
		if _, err := f.WriteAt(one, at); err != nil {
			return err
		}
	}
	return nil
}

func logOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
