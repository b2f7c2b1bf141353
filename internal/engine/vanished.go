package engine

import (
	"context"
	"time"

	"rota/runner"
)

// A file that is written in several pieces may be complete for the parser and still
// lack tasks for a moment, and what has been cancelled does not come back. So what
// waits of a task that is in the file no more is kept for some time: it starts when
// the task returns, and is cancelled if it does not.

// vanishedFor is that time.
const vanishedFor = time.Minute

// mayReturn reports whether what waits of a task that is in the file no more is kept for
// now. The first question begins the time. With --once there is none: nothing would
// be there at its end.
func (l *loop) mayReturn(task string) bool {
	if l.options.Once || l.vanished[task] {
		return false
	}
	if key := vanishedKey + task; l.agenda.Next(key).IsZero() {
		l.log.Warn("a task is not in the file any more: what waits of it is cancelled unless it returns", "task", task, "within", vanishedFor.String())
		l.put(key, l.clock.Now().Add(vanishedFor))
	}
	return true
}

// vanish ends the time of a task.
func (l *loop) vanish(ctx context.Context, task string) {
	l.agenda.Drop(vanishedKey + task)
	if _, there := l.cfg.Tasks[task]; !there {
		l.vanished[task] = true
		l.endVoid(context.WithoutCancel(ctx))
	}
}

// reappear forgets about tasks that are in the file again.
func (l *loop) reappear() {
	for task := range l.cfg.Tasks {
		delete(l.vanished, task)
		l.agenda.Drop(vanishedKey + task)
	}
}

// mayStart is void for a run that is about to start: without a task there is nothing
// to do.
func (l *loop) mayStart(run runner.Run) (why runner.Reason, may bool) {
	if _, there := l.cfg.Tasks[run.Task]; !there {
		return gone, false
	}
	why, void := l.void(run)
	return why, !void
}
