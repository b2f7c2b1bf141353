package process

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A process that a run left behind may read from the pipe of the run, too. The bytes that
// it takes are not waited for.
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

// A process that rota is just starting has the pipes of all others, for a moment: that is
// no process that outlives its run.
func TestPipeOfAProcessBeingStarted(t *testing.T) {
	p, err := newPipe(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	copied := p.copyTo(&out)
	if _, err := unix.Write(p.write, []byte("said")); err != nil {
		t.Fatal(err)
	}
	syscall.ForkLock.Lock() // as while a process is started
	open := make(chan bool)
	go func() { open <- p.finish(copied, &out) }()
	select {
	case is := <-open:
		t.Errorf("open: %v, while a process is being started", is)
	case <-time.After(execGrace):
	}
	p.closeWrite()
	syscall.ForkLock.Unlock()
	if <-open {
		t.Error("the pipe counts as open, and nobody has it any more")
	}
	if out.String() != "said" {
		t.Errorf("out %q", out.String())
	}
}

// A pipe that another process has open stays open.
func TestPipeOfALeftover(t *testing.T) {
	p, err := newPipe(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if !p.finish(p.copyTo(io.Discard), io.Discard) {
		t.Error("the pipe counts as closed, and somebody has it")
	}
}
