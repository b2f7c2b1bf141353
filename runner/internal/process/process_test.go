package process

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// startSh starts a shell whose output goes to a pipe.
func startSh(t *testing.T, text string) (*proc, *pipe) {
	t.Helper()
	soonSkips.Store(0)
	null, err := devNull()
	if err != nil {
		t.Fatal(err)
	}
	output, err := newPipe(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fork("/bin/sh", []string{"sh", "-c", text}, &syscall.ProcAttr{
		Env: []string{"PATH=/usr/bin:/bin"}, Files: []uintptr{null.Fd(), uintptr(output.write), uintptr(output.write)},
	})
	if err != nil {
		output.close()
		t.Fatal(err)
	}
	output.closeWrite()
	return p, output
}

// awaitEnd waits for the end of a process, and leaves the rest to do to others.
func awaitEnd(t *testing.T, p *proc) {
	t.Helper()
	for {
		switch err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err {
		case nil:
			return
		case unix.EINTR:
		default:
			t.Fatal(err)
		}
	}
}

// A process that has ended needs no poller: all that it said is there, and its pipe is at
// its end.
func TestEndsSoon(t *testing.T) {
	p, output := startSh(t, "echo said; exit 3")
	awaitEnd(t, p)
	var out strings.Builder
	if !p.endsSoon(output) {
		t.Error("it has ended, and counts as alive")
	}
	select {
	case <-p.exited:
	default:
		t.Error("others are not told")
	}
	if open := output.finish(output.copyTo(&out), &out); open || output.read != nil || p.pidfd != nil {
		t.Errorf("open %v, in the poller: pipe %v, process %v", open, output.read != nil, p.pidfd != nil)
	}
	if status, _, err := p.reap(); err != nil || status.ExitStatus() != 3 || out.String() != "said\n" {
		t.Errorf("exit %d, %v, output %q", status.ExitStatus(), err, out.String())
	}
}

// What is more than is kept at first is passed on as well, in its order.
func TestEndsSoonWithMuch(t *testing.T) {
	p, output := startSh(t, "i=0; while [ $i -lt 9000 ]; do echo $i; i=$((i+1)); done")
	awaitEnd(t, p) // it all has room in the pipe
	ended := p.endsSoon(output)
	if ended {
		t.Error("it counts as read to the end")
	}
	<-p.watch()
	var out, want strings.Builder
	for i := range 9000 {
		fmt.Fprintln(&want, i)
	}
	if output.finish(output.copyTo(&out), &out) {
		t.Error("the pipe counts as open")
	}
	if _, _, err := p.reap(); err != nil || out.String() != want.String() {
		t.Errorf("%v, %d bytes of output, want %d", err, out.Len(), want.Len())
	}
}

// A process that continues is left to the poller, with what it writes from then on.
func TestEndsLater(t *testing.T) {
	p, output := startSh(t, "echo first; kill -STOP $$; echo second")
	var out strings.Builder
	if p.endsSoon(output) {
		t.Fatal("it is alive, and counts as ended")
	}
	if skips := soonSkips.Load(); skips != afterLong {
		t.Errorf("%d runs after it are not waited for, want %d", skips, afterLong)
	}
	exited, copied := p.watch(), output.copyTo(&out)
	if err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WSTOPPED, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	<-exited
	if output.finish(copied, &out) {
		t.Error("the pipe counts as open")
	}
	if status, _, err := p.reap(); err != nil || status != 0 || out.String() != "first\nsecond\n" {
		t.Errorf("status %d, %v, output %q", status, err, out.String())
	}
}

// Only so many runs have a thread.
func TestEndsSoonForFew(t *testing.T) {
	p, output := startSh(t, "exit 0")
	defer output.close()
	defer func() { _, _, _ = p.reap() }()
	awaitEnd(t, p)
	for range soonMax {
		soonTurns <- struct{}{}
	}
	if p.endsSoon(output) {
		t.Error("it was waited for without a turn")
	}
	for range soonMax {
		<-soonTurns
	}
	if soonSkips.Store(1); p.endsSoon(output) {
		t.Error("it was waited for after one that took long")
	}
	if !p.endsSoon(output) {
		t.Error("it has ended, and counts as alive")
	}
}
