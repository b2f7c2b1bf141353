package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// startForked starts a shim that carries the run, and watches it.
func (r *Runner) startForked(ctx context.Context, l Launch) {
	d := newRunDir(r.o.StateDir, l.Run)
	c := r.carrier(d, l.Run)
	// Its birth is ours: a stop of rota waits for it, or it would be lost.
	r.wg.Go(func() {
		shim, err := r.shim(d, l)
		c.born(shim)
		if err != nil {
			_ = os.RemoveAll(string(d))
			r.remove(l.Run.ID)
			r.refuse(l.Run, err)
			return
		}
		go r.follow(ctx, d, l.Run, l.Task.Policy, shim, func() { _, _ = shim.reap() })
	})
}

// carrier is the shim of a run, from before it is born.
type carrier struct {
	dir   runDir
	ready chan struct{} // closed when shim is set
	shim  *process      // nil: there is none

	mu      sync.Mutex
	stopped bool // the shim knows
	killed  bool
}

// carrier makes the run one that can be stopped.
func (r *Runner) carrier(d runDir, run Run) *carrier {
	c := &carrier{dir: d, ready: make(chan struct{})}
	r.add(run.ID, &liveRun{
		stop: func(s *stop) { go c.stop(s) },
		kill: func() { go c.kill() },
		mode: Forked,
	})
	return c
}

func (c *carrier) born(shim *process) {
	c.shim = shim
	close(c.ready)
}

// stop tells the shim why to stop, once.
func (c *carrier) stop(s *stop) {
	<-c.ready
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	_ = c.dir.write("stop", s, false)
	if c.stopped = true; c.killed {
		_ = c.dir.write("kill", true, false)
	}
	c.signal()
}

// kill ends the grace of the stop, or of the one to come. The file stands for
// the signal, too: of two at once the kernel delivers one.
func (c *carrier) kill() {
	<-c.ready
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed {
		return
	}
	if c.killed = true; c.stopped {
		_ = c.dir.write("kill", true, false)
		c.signal()
	}
}

// signal lets the shim look at its files.
func (c *carrier) signal() {
	if c.shim != nil {
		_ = c.shim.signal(syscall.SIGTERM)
	}
}

// shim writes down what is to be run, and only then starts the process.
func (r *Runner) shim(d runDir, l Launch) (*process, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, err
	}
	lock, err := d.lock()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	var input []byte
	l.Run, input = apart(l.Run)
	if err := d.write("run", runFile{runDirVersion, l.Run, input, l.Task.Policy}, true); err != nil {
		return nil, err
	}
	if err := d.reserve(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(shimSpec{runDirVersion, d, r.o.StateDir, r.o.Trust, l, input, encodedAction{l.Task.Action}})
	if err != nil {
		return nil, err
	}
	spec, err := memfd(text)
	if err != nil {
		return nil, err
	}
	defer spec.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	complaints, err := openLog(d.path("errors"))
	if err != nil {
		return nil, err
	}
	defer complaints.Close()
	echo := int(null.Fd())
	if r.o.Echo != nil {
		p, err := newPipe(nil)
		if err != nil {
			return nil, err
		}
		defer p.closeWrite()
		echo = p.write
		go r.hear(l.Run, p)
	}
	proc, err := fork(selfExe, []string{shimName, l.Run.ID}, &syscall.ProcAttr{
		Dir: "/", Env: os.Environ(), Sys: &syscall.SysProcAttr{Setsid: true},
		Files: []uintptr{null.Fd(), null.Fd(), complaints.Fd(), spec.Fd(), lock.Fd(), uintptr(echo)},
	})
	if err == nil {
		proc.spare()
	}
	return proc, err
}

// hear passes on the lines that a shim sends.
func (r *Runner) hear(run Run, p *pipe) {
	defer p.read.Close()
	lines := bufio.NewScanner(p.read)
	lines.Buffer(nil, 4*maxLine) // a shim sends no longer ones
	for lines.Scan() {
		r.o.Echo(run, lines.Bytes())
	}
}

// follow waits for the end of a shim, then says what became of the run. The
// run's folder goes once its end is written down.
func (r *Runner) follow(ctx context.Context, d runDir, run Run, p Policy, shim *process, gone func()) {
	select {
	case <-shim.exited:
		gone()
		r.settle(d, run, p)
	case <-ctx.Done():
	}
}

// settle ends a run whose shim is gone.
func (r *Runner) settle(d runDir, run Run, p Policy) {
	result := d.settle(run, p, r.o.StateDir)
	r.remove(run.ID)
	if r.o.Done(run, result) == nil {
		_ = os.RemoveAll(string(d))
	}
}

// Found is a forked run that an earlier daemon started.
type Found struct {
	Run    Run
	Begun  bool   // false: its shim never began, it may be started again
	Policy Policy // by which it was started
	dir    runDir
}

// Find returns the forked runs whose end is not written down yet. Each is to be
// given to Resume, or to Drop if it never began. It must not be called while
// the Runner has forked runs of its own.
func (r *Runner) Find() ([]Found, error) {
	dirs, err := runDirs(r.o.StateDir)
	if err != nil {
		return nil, err
	}
	sweepExchanges(r.o.StateDir)
	var found []Found
	var bad []error
	for _, d := range dirs {
		var file runFile
		if err := d.read("run", &file); err != nil {
			// Killed while it was being made: no shim was started.
			if errors.Is(err, os.ErrNotExist) {
				err = os.RemoveAll(string(d))
			}
			bad = append(bad, err)
			continue
		}
		file.Run.Input = string(file.Input)
		f := Found{Run: file.Run, Begun: true, dir: d, Policy: file.Policy}
		if lock, err := d.lock(); err == nil {
			// Only who makes the file may start the run, or say that it never did.
			f.Begun = d.begin() != nil
			lock.Close()
		}
		found = append(found, f)
	}
	return found, errors.Join(bad...)
}

// Resume watches a run that was found, until Options.Done is told of its end.
func (r *Runner) Resume(ctx context.Context, f Found) {
	lock, err := f.dir.lock()
	if err == nil {
		lock.Close()
		go r.settle(f.dir, f.Run, f.Policy)
		return
	}
	shim, err := f.dir.process("go")
	if err != nil {
		// The shim is just being born or just died: the lock tells when.
		go func() {
			if err := f.dir.await(); err != nil {
				_ = r.o.Done(f.Run, Result{Outcome: Lost}.Because(Said(fmt.Sprintf("cannot watch its shim: %v", err))))
				return
			}
			r.settle(f.dir, f.Run, f.Policy)
		}()
		return
	}
	r.carrier(f.dir, f.Run).born(shim)
	go r.follow(ctx, f.dir, f.Run, f.Policy, shim, func() { shim.pidfd.Close() })
}

// Abandon ends a run that shared the life of a daemon which is gone: what is left
// of it is stopped, then Options.Done is told that it is lost.
func (r *Runner) Abandon(run Run, p Policy) {
	go func() {
		why := Reason{Code: ReasonRotaKilled}
		left := leftExchange(r.o.StateDir, run.ID, run.Attempts)
		if cleared := (family{run: run.ID, stateDir: r.o.StateDir}).clear(p, left); cleared != "" {
			why.Notes = append(why.Notes, cleared)
		}
		joinLeft(logPath(r.o.StateDir, run.ID, run.Attempts))
		_ = r.o.Done(run, Result{Outcome: Lost, Finished: time.Now()}.Because(why))
	}()
}

// await blocks until nobody holds the lock.
func (d runDir) await() error {
	f, err := os.OpenFile(d.path("lock"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}

// Drop forgets a run that never began, or whose end is known.
func (r *Runner) Drop(f Found) error { return os.RemoveAll(string(f.dir)) }
