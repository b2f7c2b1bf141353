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
func (eng *Engine) mayReturn(task string) bool {
	if eng.options.Once || eng.vanished[task] {
		return false
	}
	if key := vanishedKey + task; eng.agenda.Next(key).IsZero() {
		eng.log.Warn("a task is not in the file any more: what waits of it is cancelled unless it returns", "task", task, "within", vanishedFor.String())
		eng.put(key, eng.clock.Now().Add(vanishedFor))
	}
	return true
}

// vanish ends the time of a task.
func (eng *Engine) vanish(ctx context.Context, task string) {
	eng.agenda.Drop(vanishedKey + task)
	if _, there := eng.cfg.Tasks[task]; !there {
		eng.vanished[task] = true
		eng.endVoid(context.WithoutCancel(ctx))
	}
}

// reappear forgets about tasks that are in the file again.
func (eng *Engine) reappear() {
	for task := range eng.cfg.Tasks {
		delete(eng.vanished, task)
		eng.agenda.Drop(vanishedKey + task)
	}
}

// mayStart is void for a run that is about to start: without a task there is nothing
// to do.
func (eng *Engine) mayStart(run runner.Run) (why runner.Reason, may bool) {
	if _, there := eng.cfg.Tasks[run.Task]; !there {
		return gone, false
	}
	why, void := eng.void(run)
	return why, !void
}
