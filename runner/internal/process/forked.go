package process

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"sync"
	"syscall"
	"time"
)

// Forked is a forked run as the daemon sees it, from before it begins.
type Forked struct {
	dir   Dir
	ready chan struct{} // closed when the rest is set
	shim  *shim         // of this daemon that executes it; nil: none
	ended chan struct{} // closed when that shim no longer executes it

	proc   *proc          // the shim of an earlier daemon that executes it; nil: unknown
	signal syscall.Signal // on which that shim checks its stop files

	mu      sync.Mutex
	stopped bool // the file "stop" is written
	killed  bool
}

// NewForked returns a run that can be stopped already, and is then started or adopted.
func NewForked(d Dir) *Forked { return &Forked{dir: d, ready: make(chan struct{})} }

// shimSpec is what a daemon passes to a shim with a run.
type shimSpec struct {
	Dir  Dir
	Echo bool // the lines of its output are sent back
	What json.RawMessage
}

// Some directories are made at a time, and some runs given to shims: more would not be
// sooner.
var forkedFiles, forkedStarts = make(chan struct{}, 4), make(chan struct{}, 4)

// Start records what is to be run, and only then gives it to a shim, with what for the
// function given to [RunShim]. The lines of its output are passed to echo, which may
// be nil. It is given to the shim once begin is closed; nil: at once.
func (f *Forked) Start(shims *Shims, record, what any, begin <-chan struct{}, echo func(line []byte)) error {
	defer close(f.ready)
	d := f.dir
	if err := d.make(record); err != nil {
		return err
	}
	_ = AwaitBegin(context.Background(), begin)
	forkedStarts <- struct{}{}
	defer func() { <-forkedStarts }()
	lock, err := d.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	text, err := json.Marshal(what)
	if err == nil {
		text, err = json.Marshal(shimSpec{d, echo != nil, text})
	}
	if err != nil {
		return err
	}
	spec, err := memfd("spec", text)
	if err != nil {
		return err
	}
	defer spec.Close()
	p, err := newPipe(nil)
	if err != nil {
		return err
	}
	if f.shim, err = shims.give(d, int(spec.Fd()), int(lock.Fd()), p.write); err != nil {
		p.close()
		return err
	}
	p.closeWrite()
	f.ended = make(chan struct{})
	go f.receive(shims, p, echo)
	return nil
}

// echoLine bounds in bytes a line that a shim sends.
const echoLine = 256 << 10

// receive passes on the lines that the shim sends, until it no longer executes the run.
func (f *Forked) receive(shims *Shims, p *pipe, echo func(line []byte)) {
	if echo != nil {
		lines := bufio.NewScanner(p.file())
		lines.Buffer(nil, echoLine)
		for lines.Scan() {
			echo(lines.Bytes())
		}
	}
	_, _ = io.Copy(io.Discard, p.file())
	p.closeRead()
	if text := f.shim.complaints(); text != "" {
		f.dir.complain(text)
	}
	shims.release(f.shim)
	close(f.ended)
}

// Adopt takes hold of a run that an earlier daemon started.
func (f *Forked) Adopt() {
	defer close(f.ready)
	text, err := f.dir.Read(beginFile)
	var id beginning
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	if err != nil { // the shim is just receiving it, or has just died: Wait sees by the lock when it is gone
		return
	}
	if f.proc, _ = id.identity().open(); f.proc != nil {
		f.proc.watch() // before others know of it
	}
	if f.signal = id.Signal; f.signal == 0 {
		f.signal = syscall.SIGTERM
	}
}

// adoptedPause is the longest time between two looks at whether an adopted run is over.
const adoptedPause = 250 * time.Millisecond

// Wait waits until no shim executes the run, or the end of ctx; it reports whether none
// does.
func (f *Forked) Wait(ctx context.Context) bool {
	if f.shim != nil {
		select {
		case <-f.ended:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var exited <-chan struct{}
	if f.proc != nil {
		defer f.proc.close()
		exited = f.proc.watch()
	}
	// The shim may live on for other runs.
	for pause := time.Millisecond; f.dir.HasShim(); pause = min(2*pause, adoptedPause) {
		select {
		case <-exited:
			exited = nil
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Stop has the shim stop the run, once: why is the content of the file "stop".
func (f *Forked) Stop(why any) {
	<-f.ready
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	_ = f.dir.write("stop", why)
	if f.stopped = true; f.killed {
		_ = f.dir.write("kill", true)
	}
	f.notify()
}

// Kill ends the grace of the stop, or of the one to come. It is a file
// too, because the kernel delivers only one of two signals sent at once.
func (f *Forked) Kill() {
	<-f.ready
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.killed {
		return
	}
	if f.killed = true; f.stopped {
		_ = f.dir.write("kill", true)
		f.notify()
	}
}

// notify has the shim check its stop files, even if it is stopped itself, as by a debugger.
func (f *Forked) notify() {
	switch {
	case f.shim != nil:
		_ = f.shim.proc.signal(syscall.SIGCONT)
		_ = f.shim.send()
	case f.proc != nil:
		_ = f.proc.signal(syscall.SIGCONT)
		_ = f.proc.signal(f.signal)
	}
}
