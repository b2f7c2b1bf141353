package ledger_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"rota/internal/ledger"
	"rota/runner"
)

// writeUntilKilled is the child of TestSQLiteKilled: it lets runs begin and end
// as fast as it can, and says what was answered.
func writeUntilKilled(t *testing.T, dir, round string) {
	l := open(t, dir)
	var out sync.Mutex
	say := func(what, id string) {
		out.Lock()
		defer out.Unlock()
		fmt.Println("answered", what, id)
	}
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("a/%s-%d-%d", round, w, i)
				if _, err := l.Submit(t.Context(), runner.Run{ID: id, Task: "a", State: runner.Queued}); err != nil {
					panic(err)
				}
				say("queued", id)
				leases, err := l.Claim(t.Context(), []string{id})
				if err != nil || len(leases) != 1 {
					panic(fmt.Sprint(leases, err))
				}
				say("running", id)
				if err := l.Finish(t.Context(), leases[0], runner.Result{Outcome: runner.OK}); err != nil {
					panic(err)
				}
				say("ok", id)
			}
		})
	}
	all.Wait()
}

// TestSQLiteKilled kills a process while it writes: all that was answered is
// there afterwards, and not much more.
func TestSQLiteKilled(t *testing.T) {
	const variable = "ROTA_TEST_WRITE_UNTIL_KILLED"
	if round, dir, ok := strings.Cut(os.Getenv(variable), ":"); ok {
		writeUntilKilled(t, dir, round)
		return
	}
	dir := directory(t)
	answered := map[string]string{} // how far each run is known to have come
	for round := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSQLiteKilled$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d:%s", variable, round, dir))
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		hear := func(line string) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "answered" {
				answered[f[2]] = f[1]
			}
		}
		in := bufio.NewReader(stdout)
		for range 100 + 37*round {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("the child ended by itself: %v", err)
			}
			hear(line)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(in)
		for line := range strings.Lines(string(rest)) {
			if strings.HasSuffix(line, "\n") {
				hear(line)
			}
		}
		_ = cmd.Wait() // killed
	}

	l := open(t, dir)
	if found := l.Found(); found.String() != "" {
		t.Errorf("found %v", found)
	}
	runs, err := l.List(t.Context(), ledger.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	rank := map[string]int{"queued": 1, "running": 2, "ok": 3}
	for _, r := range runs {
		if is, was := string(r.State)+string(r.Outcome), answered[r.ID]; rank[is] < rank[was] || rank[is] > rank[was]+1 {
			t.Errorf("%s is %s, and %q was answered", r.ID, is, was)
		}
		delete(answered, r.ID)
	}
	if len(answered) > 0 {
		t.Errorf("answered and not there: %v", answered)
	}
}
