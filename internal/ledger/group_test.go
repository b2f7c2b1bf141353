package ledger

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"testing"

	"rota/runner"
)

// commits counts the commits in the log of a database: the frames that say how
// large it is afterwards.
func commits(t *testing.T, path string) (n int) {
	t.Helper()
	data, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const head, frameHead = 32, 24
	page := int(binary.BigEndian.Uint32(data[8:]))
	salt := string(data[16:24])
	for at := head; at+frameHead+page <= len(data) && string(data[at+8:at+16]) == salt; at += frameHead + page {
		if binary.BigEndian.Uint32(data[at+4:]) > 0 {
			n++
		}
	}
	return n
}

// TestSubmitsShareCommits lets 1,000 ask for a run at once.
func TestSubmitsShareCommits(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const many = 1000
	before := commits(t, s.path)
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.write(t.Context(), func(*tx) error { close(held); <-hold; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held // the writer is busy, as with a slow disk
	for i := range many {
		all.Go(func() {
			if _, err := s.Submit(t.Context(), runner.Run{ID: fmt.Sprintf("a/%d", i), Task: "a", State: runner.Queued}); err != nil {
				t.Error(err)
			}
		})
	}
	close(hold)
	all.Wait()
	runs, err := s.List(t.Context(), Filter{})
	if err != nil || len(runs) != many {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	n := commits(t, s.path) - before
	t.Logf("%d commits", n)
	if n < 1 || n > many/10 {
		t.Errorf("%d commits for %d submits at once", n, many)
	}
}
