package process

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// TestTryLeavesRota tests that the rights of another user stay in the thread that got
// them. That thread may remain, but runs nothing, so the running threads are checked.
func TestTryLeavesRota(t *testing.T) {
	nobody, err := LookupUser(t.Context(), "nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	before := fsids(t)
	if err := nobody.try(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if after := fsids(t); after != before {
				t.Errorf("the rights of rota were %s and are %s", before, after)
			}
		})
	}
	all.Wait()
}

// fsids returns all ids that decide about rights to files, of the current thread.
func fsids(t *testing.T) string {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Error(err)
	}
	var all []string
	for line := range strings.Lines(string(status)) {
		if name, ids, _ := strings.Cut(line, ":"); name == "Uid" || name == "Gid" || name == "Groups" {
			all = append(all, name+strings.Join(strings.Fields(ids), " "))
		}
	}
	return strings.Join(all, " ")
}
