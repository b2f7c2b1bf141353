package ledger

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
)

// The log stays small under continuous writes, although there is always a reader: each
// begins before another ends.
func TestLogStaysSmall(t *testing.T) {
	s, err := Open(t.Context(), Directory(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const step, most = 256 << 10, 1 << 20 // less than usual: the test is about what holds the log back
	if err := s.write(t.Context(), func(o *tx) error { o.w.wal.checkpointAt, o.w.wal.max = step, most; return nil }); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var reading, writing sync.WaitGroup
	// Two readers alternate, so that there is always one.
	turns := [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	turns[0] <- struct{}{}
	begun := make(chan struct{})
	once := sync.OnceFunc(func() { close(begun) })
	for i := range turns {
		reading.Go(func() {
			for {
				select {
				case <-turns[i]:
				case <-ctx.Done():
					return
				}
				err := s.view(context.Background(), func(conn *sqlite.Conn) error {
					return query(conn, "SELECT 1 FROM migrations", nil, func(*sqlite.Stmt) error {
						once()
						turns[1-i] <- struct{}{} // the other begins while this one still reads
						select {
						case <-time.After(5 * time.Millisecond): // the length of a read, not a wait for something
						case <-ctx.Done():
						}
						return errStop
					})
				})
				if err != nil && err != errStop {
					t.Error(err)
				}
			}
		})
	}
	<-begun
	largest := int64(0)
	why := strings.Repeat("x", 2000)
	const writers, holds = 8, 400
	var mu sync.Mutex
	for w := range writers {
		writing.Go(func() {
			for i := range holds {
				name := fmt.Sprint("t", w)
				state := TaskState{Version: i, Hold: &Hold{By: "nobody", Why: why, Since: time.Now()}}
				if err := s.SetTask(t.Context(), name, TaskState{Version: i}, state, Event{Kind: "hold", Task: name, Who: "nobody", Text: why}); err != nil {
					t.Error(err)
					break
				}
				if info, err := os.Stat(s.path + walSuffix); err == nil {
					mu.Lock()
					largest = max(largest, info.Size())
					mu.Unlock()
				}
			}
		})
	}
	writing.Wait()
	end()
	reading.Wait()
	t.Logf("the log grew to %d KiB", largest>>10)
	if largest > 12*most {
		t.Errorf("the log grew to %d KiB", largest>>10)
	}
}
