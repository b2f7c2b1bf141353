package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// attemptOf names the attempt that a run is at.
func (r *Runner) attemptOf(run Run) process.Attempt {
	return process.Attempt{StateDir: r.o.StateDir, Run: run.ID, Number: run.Attempts}
}

// startForked gives the run to a shim, and watches it.
func (r *Runner) startForked(ctx context.Context, l Launch) {
	d := r.attemptOf(l.Run).Dir()
	forked := process.NewForked(d)
	r.addForked(l.Run, forked)
	// A stop of rota waits until a shim has the run, or it would be lost.
	r.wg.Go(func() {
		// The input separately: JSON would change bytes that are not UTF-8.
		what := shimSpec{r.o.StateDir, r.o.Trust, l, []byte(l.Run.Input), encodedAction{l.Task.Action}}
		what.Launch.Run.Input = ""
		if err := forked.Start(&r.shims, newRecord(l.Run, l.Task.Policy), what, l.Begin, r.echo(l.Run)); err != nil {
			_ = d.Remove()
			r.remove(l.Run.ID)
			r.refuse(l.Run, err)
			return
		}
		go r.watchForked(ctx, d, l.Run, l.Task.Policy, forked)
	})
}

// addForked registers the run, so that it can be stopped.
func (r *Runner) addForked(run Run, forked *process.Forked) {
	r.add(run.ID, &liveRun{
		stop: func(s *stop) { go forked.Stop(newStopRecord(s)) },
		kill: func() { go forked.Kill() },
		mode: Forked,
	})
}

// watchForked waits until no shim executes the run, then reports its end. The directory of
// the run is removed once that is recorded.
func (r *Runner) watchForked(ctx context.Context, d process.Dir, run Run, p Policy, forked *process.Forked) {
	if forked.Wait(ctx) {
		r.finishForked(d, run, p)
	}
}

// finishForked ends a run that no shim executes.
func (r *Runner) finishForked(d process.Dir, run Run, p Policy) {
	result := r.endOf(d, run, p)
	d.LimitLeftResult(r.attemptOf(run))
	r.remove(run.ID)
	if r.o.Done(run, result) == nil {
		_ = d.Remove()
	}
}

// endOf is the end of a run that no shim executes. If the shim died before it could write
// the end, what it left is stopped first.
func (r *Runner) endOf(d process.Dir, run Run, p Policy) Result {
	result, err := readEnd(d)
	if err == nil {
		return result
	}
	why := "its shim was killed"
	if text := d.Complaints(); text != "" {
		why = "its shim failed: " + firstLine(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		why = "its end is unreadable: " + firstLine(err.Error())
	}
	return r.finishLost(run, p, TextReason(why))
}

// finishLost ends a run without a process to execute it as lost, once what is left of it is
// stopped.
func (r *Runner) finishLost(run Run, p Policy, why Reason) Result {
	found, alive := r.attemptOf(run).Clear(process.UserID(run.User), p.termination())
	if len(found) > 0 {
		why.Notes = append(why.Notes, "stopped remaining processes: "+process.Describe(found))
	}
	if len(alive) > 0 {
		why.Notes = append(why.Notes, "still alive after KILL: "+process.Describe(alive))
	}
	runlog.Complete(runlog.Store{StateDir: r.o.StateDir}.Log(run.ID, run.Attempts))
	return Result{Outcome: Lost, Finished: time.Now()}.Because(why)
}

// Found is a forked run that an earlier daemon started.
type Found struct {
	Run    Run
	Begun  bool   // false: its shim never began, it may be started again
	Policy Policy // by which it was started
	// Unreadable is why the record of the run cannot be read; nil: it can. Otherwise
	// Run is only what the name of its directory says, and Policy is empty.
	Unreadable error
	dir        process.Dir
}

// Find returns the forked runs whose end is not recorded yet. Each is to be
// given to Resume, or to Drop if it never began. It must not be called while
// the Runner has forked runs of its own. An error means that there may be more.
func (r *Runner) Find() ([]Found, error) {
	dirs, err := process.Dirs(r.o.StateDir)
	if err != nil {
		return nil, err
	}
	process.RemoveStale(r.o.StateDir)
	var found []Found
	for _, d := range dirs {
		if a, ok := d.Attempt(); ok {
			if f, ok := find(d, a); ok {
				found = append(found, f)
			}
		}
	}
	return found, nil
}

// find reads the directory of an attempt; false: there is no run.
func find(d process.Dir, a process.Attempt) (Found, bool) {
	c, err := readRecord(d, a)
	begun := d.Begun()
	switch {
	case err == nil:
		return Found{Run: c.run(), Begun: begun, Policy: c.policy(), dir: d}, true
	case errors.Is(err, fs.ErrNotExist) && !begun:
		_ = d.Remove() // a daemon was killed while it made it: no shim was started
		return Found{}, false
	}
	task, _ := SplitID(a.Run)
	run := Run{ID: a.Run, Task: task, Cause: CauseManual, State: Running, Attempts: a.Number, Started: d.Changed()}
	err = fmt.Errorf("%s: %w", filepath.Join(string(d), process.RecordFile), err)
	return Found{Run: run, Begun: begun, Unreadable: err, dir: d}, true
}

// Resume watches a run that was found, until its end is passed to Options.Done.
func (r *Runner) Resume(ctx context.Context, f Found) {
	if !f.dir.HasShim() {
		go r.finishForked(f.dir, f.Run, f.Policy)
		return
	}
	forked := process.NewForked(f.dir)
	forked.Adopt()
	r.addForked(f.Run, forked)
	go r.watchForked(ctx, f.dir, f.Run, f.Policy, forked)
}

// Abandon ends a run of a daemon that has ended: what is left of it is stopped, then it
// is passed to Options.Done as lost.
func (r *Runner) Abandon(run Run, p Policy) {
	go func() { _ = r.o.Done(run, r.finishLost(run, p, Reason{Code: ReasonRotaKilled})) }()
}

// Drop removes the directory of a run that never began, or whose end is known.
func (r *Runner) Drop(f Found) error { return f.dir.Remove() }
