package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/api"
	"rota/runner"
)

// await waits for the end of a run, and tells on a terminal how it fares. A
// signal ends the waiting, not the run.
func (s *session) await(ctx context.Context, svc api.Service, run api.Run) (api.Run, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go func() {
		select {
		case sig := <-signals:
			cancel(interrupt{sig.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	ended, err := s.progress(ctx, returning{svc, func() { fmt.Fprintln(s.err, "the daemon went away; waiting for it to come back") }}, run)
	if by, stopped := context.Cause(ctx).(interrupt); stopped && err != nil {
		f := fail(exitSignal+code(by.Signal), "follow it: rota logs -f "+run.ID+"; stop it: rota stop "+run.ID, "%s goes on", run.ID)
		f.wanted = true
		return ended, f
	}
	if err != nil {
		f := *asFailure(err)
		f.hint = "all about it: rota show " + run.ID
		return ended, &f
	}
	return ended, nil
}

// How long a daemon that went away is waited for, and how often it is asked for.
const (
	awayTime  = time.Minute
	awayEvery = 100 * time.Millisecond
)

// returning is a daemon that may be restarted while the end of a run is waited for: a
// forked run goes on meanwhile, and what waits is kept.
type returning struct {
	api.Service
	gone func() // is called when it went away
}

func (r returning) Wait(ctx context.Context, id string) (api.Run, error) {
	for asked, since := time.Now(), (time.Time{}); ; asked = time.Now() {
		run, err := r.Service.Wait(ctx, id)
		if c := api.CodeOf(err); c != api.NoDaemon && c != api.NotNow || ctx.Err() != nil {
			return run, err
		}
		switch {
		case since.IsZero() || time.Since(asked) > awayTime: // it was there
			since = time.Now()
			r.gone()
		case time.Since(since) > awayTime:
			return run, err
		}
		select {
		case <-time.After(awayEvery):
		case <-ctx.Done():
			return run, err
		}
	}
}

// endOf turns the end of a run into that of the program.
func endOf(ctx context.Context, svc api.Service, run api.Run) error {
	why := run.Why
	if why == "" {
		why = string(run.Outcome)
	}
	// A run that failed in its condition has no output, nor has one that wrote nothing.
	all := "all about it: rota show " + run.ID
	hint := func() string {
		if details, err := svc.Run(ctx, run.ID); err == nil && !details.Outputs {
			return all
		}
		return "its output: rota logs " + run.ID
	}
	ends := func(c code) error { return fail(c, hint(), "%s: %s", run.ID, why) }
	switch {
	case run.Outcome == runner.OK && run.Exit == nil:
		return nil
	case run.Outcome == runner.OK:
		return status(*run.Exit)
	case run.Outcome == runner.TimedOut:
		return fail(exitTimeout, hint(), "%s: time-out %s", run.ID, run.Why)
	case run.Outcome != runner.Failed:
		if run.Why != "" {
			why = string(run.Outcome) + ": " + run.Why
		}
		return fail(exitRota, all, "%s: %s", run.ID, why)
	case run.Signal != "":
		return ends(exitSignal + code(unix.SignalNum("SIG"+run.Signal)))
	case run.Exit != nil && *run.Exit != 0:
		return ends(code(*run.Exit))
	}
	// It did not get as far as an exit code: a command could not be started, but
	// a built-in action has none.
	if tasks, err := svc.Tasks(ctx, run.Task); err == nil && len(tasks) == 1 && tasks[0].Action != "command" {
		return ends(exitFailed)
	}
	return ends(exitRota)
}

// rotasOwn gives an error that is not the task's the code of all that is rota's,
// so that it cannot be taken for one of the task's.
func rotasOwn(err error) error {
	f := *asFailure(err)
	if f.code < exitSignal { // else a signal ended the waiting
		f.code = exitRota
	}
	return &f
}
