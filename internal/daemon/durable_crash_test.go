package daemon

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"rota/internal/api"
)

// A start is on the disk before the process is: each time the daemon makes one, or gives
// a run to a shim, something was written to the ledger's log since the last, and it is
// synced.
func TestSyncBeforeStart(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	dir := t.TempDir()
	trace, log := filepath.Join(dir, "trace"), filepath.Join(dir, "log")
	jobs := "[rota]\nstate_dir = \"state\"\n"
	modes := []string{"threaded", "sequential", "forked"}
	for _, mode := range modes {
		jobs += fmt.Sprintf("[tasks.%s]\nmode = %[1]q\ncommand = \"echo %[1]s >>truth\"\n", mode)
	}
	write(t, filepath.Join(dir, "jobs.toml"), jobs)
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, daemonName))
	}
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(strace, "-f", "-y", "-s", "16", "-e", "trace=write,pwrite64,fsync,fdatasync,clone,clone3,sendmsg", "-o", trace, daemonName, filepath.Join(dir, "jobs.toml"))
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "PATH="+dir+":"+os.Getenv("PATH"))
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	client := clientOf(t, filepath.Join(dir, "state"))
	var st api.Status
	await(t, "answer", func() bool {
		if lines(log, "PTRACE") > 0 {
			t.Skip("may not trace")
		}
		st, err = client.Status(t.Context())
		return err == nil
	})
	// One after the other: no commit of another run is under way when one starts.
	for range 2 {
		for _, mode := range modes {
			run, err := client.Request(t.Context(), api.Request{Task: mode}, nil)
			if err == nil {
				_, err = client.Wait(t.Context(), run.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = syscall.Kill(st.PID, syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}

	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var (
		call    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
		resumed = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
		result  = regexp.MustCompile(`= (\d+)`)
		onLog   = regexp.MustCompile(`^\d+<` + regexp.QuoteMeta(filepath.Join(dir, "state", "rota.db-wal")) + `>`)
	)
	daemon := map[string]bool{fmt.Sprint(st.PID): true} // its threads
	begun := map[string]string{}                        // by thread: what a call was given that has not returned
	starts, writes, dirty, shim := 0, 0, false, false
	for in := bufio.NewScanner(f); in.Scan(); {
		line := in.Text()
		var thread, name, args string
		returns := !strings.HasSuffix(line, "<unfinished ...>")
		if m := call.FindStringSubmatch(line); m != nil {
			thread, name, args = m[1], m[2], m[3]
			begun[thread] = args
			switch {
			case !daemon[thread]:
			case strings.HasSuffix(name, "write64") && onLog.MatchString(args):
				writes++
				dirty = true
			case name == "sendmsg" && strings.Contains(args, "SCM_RIGHTS") && !shim:
				shim = true // the clone before was its start
			case strings.HasPrefix(name, "clone") && !strings.Contains(args, "CLONE_THREAD"),
				name == "sendmsg" && strings.Contains(args, "SCM_RIGHTS"):
				if starts++; dirty || writes == 0 {
					t.Errorf("%d writes, synced %v, before start %d: %s", writes, !dirty, starts, line)
				}
				writes = 0
			}
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			thread, name, args = m[1], m[2], begun[m[1]]
		}
		if !returns || !daemon[thread] {
			continue
		}
		switch {
		case strings.HasSuffix(name, "sync") && onLog.MatchString(args):
			dirty = false
		case strings.HasPrefix(name, "clone") && strings.Contains(args, "CLONE_THREAD"):
			if m := result.FindAllStringSubmatch(line, -1); len(m) > 0 {
				daemon[m[len(m)-1][1]] = true
			}
		}
	}
	if starts != 2*len(modes) {
		t.Errorf("%d starts are in the trace, want %d", starts, 2*len(modes))
	}
}
