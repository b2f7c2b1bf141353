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

// await waits for the end of a run, and shows its progress on a terminal. A signal ends
// the waiting, not the run.
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
	ended, err := s.progress(ctx, reconnecting{svc, func() { fmt.Fprintln(s.err, "lost the connection to the daemon; waiting for it to come back") }}, run)
	if by, stopped := context.Cause(ctx).(interrupt); stopped && err != nil {
		f := fail(exitSignal+code(by.Signal), "follow it: rota logs -f "+run.ID+"; stop it: rota stop "+run.ID, "%s continues", run.ID)
		f.interrupted = true
		return ended, f
	}
	if err != nil {
		f := *asFailure(err)
		f.hint = "details: rota show " + run.ID
		return ended, &f
	}
	return ended, nil
}

// How long await waits for a daemon that does not answer any more, and how often it tries.
const (
	reconnectTimeout  = time.Minute
	reconnectInterval = 100 * time.Millisecond
)

// reconnecting is a daemon that may be restarted while await waits: forked runs continue
// meanwhile, and waiting runs are kept.
type reconnecting struct {
	api.Service
	onDisconnect func() // called when it does not answer any more
}

func (r reconnecting) Wait(ctx context.Context, id string) (api.Run, error) {
	for asked, since := time.Now(), (time.Time{}); ; asked = time.Now() {
		run, err := r.Service.Wait(ctx, id)
		if c := api.CodeOf(err); c != api.NoDaemon && c != api.NotNow || ctx.Err() != nil {
			return run, err
		}
		switch {
		case since.IsZero() || time.Since(asked) > reconnectTimeout: // it answered before
			since = time.Now()
			r.onDisconnect()
		case time.Since(since) > reconnectTimeout:
			return run, err
		}
		select {
		case <-time.After(reconnectInterval):
		case <-ctx.Done():
			return run, err
		}
	}
}

// endOf turns the end of a run into the exit status of the program.
func endOf(ctx context.Context, svc api.Service, run api.Run) error {
	why := run.Why
	if why == "" {
		why = string(run.Outcome)
	}
	// A run that failed in its condition has no output, nor has one that wrote nothing.
	all := "details: rota show " + run.ID
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
		return exitStatus(*run.Exit)
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
	// There is no exit code: a command could not be started; a built-in action has none.
	if tasks, err := svc.Tasks(ctx, run.Task); err == nil && len(tasks) == 1 && tasks[0].Action != "command" {
		return ends(exitFailed)
	}
	return ends(exitRota)
}

// asRotaError gives an error of rota the exit code for these, so that it cannot be
// taken for the exit code of the task.
func asRotaError(err error) error {
	f := *asFailure(err)
	if f.code < exitSignal { // else a signal ended the waiting
		f.code = exitRota
	}
	return &f
}
