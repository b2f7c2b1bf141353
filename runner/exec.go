package runner

import (
	"context"
	"io"
	"time"

	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// Exec runs a task at once in this process and this terminal, whatever its mode:
// with its user, directory, environment, limits and time-out, but without queue,
// record or log. A command has rota's own stdin, stdout and stderr, but one that
// runs as another user gets a terminal of its own in their place; a built-in
// writes to out. trusting is as Trust in [Options]. The end of ctx stops it.
func Exec(ctx context.Context, t *Task, stateDir string, trusting bool, out io.Writer) Result {
	now := time.Now()
	l := Launch{Task: t, Run: Run{
		ID: t.Name + "/" + NewKey(now), Task: t.Name, Cause: CauseManual, State: Running,
		Scheduled: now, Started: now, Attempts: 1, Trace: NewTrace(),
	}}
	if t.Mode == Forked {
		l.Task = inOwnProcess(t)
	}
	a := newAttempt(l, stateDir, trusting, hostName(), nil)
	a.in.terminal = true
	a.out = runlog.NewOutput("", 0, func(line []byte) { _, _ = out.Write(append(line[:len(line):len(line)], '\n')) })
	result, _ := a.run(ctx)
	process.AwaitWipes()
	return result
}
