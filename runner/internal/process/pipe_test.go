package process

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a process left behind may read from the pipe of its run, too. What it took
// is not waited for.
func TestPipeThatIsEmptied(t *testing.T) {
	t.Parallel()
	p, err := newPipe(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.closeWrite()
	copied := make(chan struct{})
	close(copied)
	if n, err := unix.Write(p.write, make([]byte, 64<<10)); err != nil || n != 64<<10 {
		t.Fatal(n, err)
	}
	got := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.finish(copied, writerFunc(func(b []byte) (int, error) {
			got += len(b)
			_, _ = p.read.Read(make([]byte, 64<<10-len(b))) // somebody takes the rest
			return len(b), nil
		}))
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("the run does not end")
	}
	if got == 0 || got == 64<<10 {
		t.Errorf("%d bytes were passed on", got)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
