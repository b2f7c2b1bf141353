package process

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"sync"
	"syscall"
)

// Shim is the process that carries a forked run, as the daemon sees it, from
// before it is born.
type Shim struct {
	dir   Dir
	ready chan struct{} // closed when proc is set
	proc  *proc         // nil: there is none
	child bool          // of this process

	mu      sync.Mutex
	stopped bool // the shim knows
	killed  bool
}

// NewShim returns a shim that can be told to stop, and is then started or adopted.
func NewShim(d Dir) *Shim { return &Shim{dir: d, ready: make(chan struct{})} }

// shimSpec is what the daemon tells a shim.
type shimSpec struct {
	Dir  Dir
	What json.RawMessage
}

// Start records what is to be run, and only then starts the process, which gives
// what to the function given to [RunShim]. label names the run in the list of
// processes. The lines of its output go to echo; nil: nobody wants them.
func (s *Shim) Start(label string, record, what any, echo func(line []byte)) error {
	defer close(s.ready)
	p, err := s.start(label, record, what, echo)
	s.proc, s.child = p, true
	return err
}

func (s *Shim) start(label string, record, what any, echo func(line []byte)) (*proc, error) {
	d := s.dir
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, err
	}
	lock, err := d.lock()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := d.write(RecordFile, record, true); err != nil {
		return nil, err
	}
	if err := d.reserve(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(what)
	if err == nil {
		text, err = json.Marshal(shimSpec{d, text})
	}
	if err != nil {
		return nil, err
	}
	spec, err := memfd("spec", text)
	if err != nil {
		return nil, err
	}
	defer spec.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	complaints, err := os.OpenFile(d.path("errors"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer complaints.Close()
	to := int(null.Fd())
	if echo != nil {
		p, err := newPipe(nil)
		if err != nil {
			return nil, err
		}
		defer p.closeWrite()
		to = p.write
		go readShimOutput(p, echo)
	}
	return fork(selfExe, []string{ShimName, label}, &syscall.ProcAttr{
		Dir: "/", Env: os.Environ(), Sys: &syscall.SysProcAttr{Setsid: true},
		Files: []uintptr{null.Fd(), null.Fd(), complaints.Fd(), spec.Fd(), lock.Fd(), uintptr(to)},
	})
}

// echoLine bounds in bytes a line that a shim sends.
const echoLine = 256 << 10

// readShimOutput passes on the lines that a shim sends.
func readShimOutput(p *pipe, echo func(line []byte)) {
	defer p.read.Close()
	lines := bufio.NewScanner(p.read)
	lines.Buffer(nil, echoLine)
	for lines.Scan() {
		echo(lines.Bytes())
	}
}

// Adopt takes hold of a shim that an earlier daemon started. An error means that
// it is just being born or just died: the lock tells when it is gone.
func (s *Shim) Adopt() error {
	defer close(s.ready)
	p, err := s.dir.process("go")
	s.proc = p
	return err
}

// Wait waits for the end of the shim, or of ctx; it reports whether the shim has
// ended.
func (s *Shim) Wait(ctx context.Context) bool {
	select {
	case <-s.proc.exited:
	case <-ctx.Done():
		return false
	}
	if s.child {
		_, _, _ = s.proc.reap()
	} else {
		s.proc.pidfd.Close()
	}
	return true
}

// Stop tells the shim why to stop, once: the file "stop" will hold why.
func (s *Shim) Stop(why any) {
	<-s.ready
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	_ = s.dir.write("stop", why, false)
	if s.stopped = true; s.killed {
		_ = s.dir.write("kill", true, false)
	}
	s.signal()
}

// Kill ends the grace of the stop, or of the one to come. The file stands for
// the signal, too: of two at once the kernel delivers one.
func (s *Shim) Kill() {
	<-s.ready
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed {
		return
	}
	if s.killed = true; s.stopped {
		_ = s.dir.write("kill", true, false)
		s.signal()
	}
}

// signal lets the shim look at its files, also one that somebody had stopped, as with
// Ctrl-Z or a debugger.
func (s *Shim) signal() {
	if s.proc != nil {
		_ = s.proc.signal(syscall.SIGTERM)
		_ = s.proc.signal(syscall.SIGCONT)
	}
}
