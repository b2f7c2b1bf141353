package engine

import (
	"context"
	"time"

	"rota/runner"
)

// A file that is written in several steps may be valid and still lack tasks for a moment,
// and a cancelled run cannot be restored. So the waiting runs of a task that is no longer in
// the file are kept for some time: they start if the task returns, else they are cancelled.

// vanishedFor is that time.
const vanishedFor = time.Minute

// mayReturn reports whether the waiting runs of a task that is no longer in the file are
// kept for now. The first call starts the time. With --once they are not kept: the daemon
// would end before.
func (eng *Engine) mayReturn(task string) bool {
	if eng.options.Once || eng.vanished[task] {
		return false
	}
	if key := vanishedKey + task; eng.agenda.Next(key).IsZero() {
		eng.log.Warn("a task is no longer in the file: its waiting runs are cancelled unless it returns", "task", task, "within", vanishedFor.String())
		eng.putMoment(key, eng.clock.Now().Add(vanishedFor))
	}
	return true
}

// cancelVanished cancels the waiting runs of a task that has not returned.
func (eng *Engine) cancelVanished(ctx context.Context, task string) {
	eng.agenda.Drop(vanishedKey + task)
	if _, there := eng.cfg.Tasks[task]; !there {
		eng.vanished[task] = true
		eng.cancelVoid(context.WithoutCancel(ctx))
	}
}

// resetVanished resets vanished for tasks that are in the file again.
func (eng *Engine) resetVanished() {
	for task := range eng.cfg.Tasks {
		delete(eng.vanished, task)
		eng.agenda.Drop(vanishedKey + task)
	}
}

// mayStart reports whether a run that is about to start may; else it returns the reason.
// Without a task it may not.
func (eng *Engine) mayStart(run runner.Run) (why runner.Reason, may bool) {
	if _, there := eng.cfg.Tasks[run.Task]; !there {
		return taskGone, false
	}
	why, void := eng.voidReason(run)
	return why, !void
}
