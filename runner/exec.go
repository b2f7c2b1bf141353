package runner

import (
	"context"
	"io"
	"time"
)

// Exec runs a task at once in this process and this terminal, whatever its mode:
// with its user, folder, environment, limits and time-out, but without queue,
// record or log. A command has rota's own stdin, stdout and stderr; a built-in
// writes to out. The end of ctx stops it.
func Exec(ctx context.Context, t *Task, stateDir string, out io.Writer) Result {
	now := time.Now()
	l := Launch{Task: t, Run: Run{
		ID: t.Name + "/" + NewKey(now), Task: t.Name, Cause: CauseManual, State: Running,
		Scheduled: now, Started: now, Attempts: 1,
	}}
	if t.Mode == Forked {
		// In a process of its own, for the user and surroundings that it names.
		task := *t
		task.Action = inProcess(t.Action)
		l.Task = &task
	}
	a := newAttempt(l, stateDir, hostName(), nil)
	a.in.terminal = true
	a.out = NewOutput("", 0, func(line []byte) { _, _ = out.Write(append(line[:len(line):len(line)], '\n')) })
	result, _ := a.run(ctx)
	return result
}
