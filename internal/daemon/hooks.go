package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/config"
	"rota/internal/ledger"
	"rota/runner"
)

// hookTail is how many bytes of a run's output the run that a hook asked for is
// told of.
const hookTail = 4 << 10

// hookOf is what the hooks of a task say to the end of a run.
type hookOf struct {
	event string
	list  []string
}

// hooksOf returns the hooks that the end of a run calls for.
func (l *loop) hooksOf(task config.Task, run runner.Run, recovered bool) []hookOf {
	var all []hookOf
	switch {
	case failed(run.Outcome):
		all = append(all, hookOf{"failure", task.Hooks.OnFailure})
	case run.Outcome == runner.OK:
		all = append(all, hookOf{"success", task.Hooks.OnSuccess})
		if recovered {
			all = append(all, hookOf{"recover", task.Hooks.OnRecover})
		}
	}
	if len(task.Hooks.OnOutput) > 0 && l.hasOutput(run) {
		all = append(all, hookOf{"output", task.Hooks.OnOutput})
	}
	return all
}

// hasOutput reports whether the last attempt of a run wrote anything.
func (l *loop) hasOutput(run runner.Run) bool {
	_, key := runner.SplitID(run.ID)
	_, err := os.Stat(filepath.Join(l.stateDir, "logs", run.Task, key+"."+strconv.Itoa(run.Attempts)+".log"))
	return err == nil
}

// recovers reports whether the end of a run is a success after a failure. It is
// asked before that end is written down.
func (l *loop) recovers(ctx context.Context, run runner.Run, res runner.Result) bool {
	if res.Outcome != runner.OK || len(l.inForce.Load().Tasks[run.Task].Hooks.OnRecover) == 0 {
		return false
	}
	past, err := l.ledger.Past(ctx, run.Task)
	return err == nil && past.Failures > 0
}

// hooks tells those who want to know of the end of a run.
func (l *loop) hooks(run runner.Run, recovered bool) {
	task := l.cfg.Tasks[run.Task]
	l.tells.ended(task, run)
	for _, h := range l.hooksOf(task, run, recovered) {
		l.tellHook(run, h.event, h.list)
	}
}

// tellHook tells the targets among some hooks.
func (l *loop) tellHook(run runner.Run, event string, hooks []string) {
	var told []string
	for _, hook := range hooks {
		if task, ok := config.RunHook(hook); ok {
			if event == "missed" {
				l.chain(context.Background(), run, event, task)
			}
		} else if !slices.Contains(told, hook) {
			told = append(told, hook)
			l.tells.send(hook, event, run)
		}
	}
}

// chains asks for the tasks that the end of a run starts. It is called once that
// end is written down, and again after a kill: the ids make sure that each is
// asked for once.
func (l *loop) chains(ctx context.Context, run runner.Run, recovered bool) {
	for _, h := range l.hooksOf(l.inForce.Load().Tasks[run.Task], run, recovered) {
		for _, hook := range h.list {
			if task, ok := config.RunHook(hook); ok {
				l.chain(ctx, run, h.event, task)
			}
		}
	}
}

// chain asks for a run of a task because of what became of another one's.
func (l *loop) chain(ctx context.Context, parent runner.Run, event, name string) {
	task, ok := l.inForce.Load().Tasks[name]
	if !ok {
		return // the file was read anew meanwhile
	}
	now := l.clock.Now()
	sum := sha256.Sum256([]byte(parent.ID + "\n" + event))
	run := runner.Run{
		ID: name + "/" + event + "-" + hex.EncodeToString(sum[:6]), Task: name, Cause: runner.CauseChain, State: runner.Queued,
		Scheduled: now, Queued: now, Queue: task.Queue, Priority: task.Priority, Parent: parent.ID, Who: parent.ID, Content: "on_" + event + " of " + parent.ID,
	}
	known, err := l.ledger.Submit(ctx, run)
	switch {
	case errors.Is(err, ledger.ErrQueueFull):
		l.log.Error("cannot start what a hook names: the queue is full", "task", name, "queue", task.Queue, "after", parent.ID)
	case err != nil:
		l.log.Error("cannot start what a hook names", "task", name, "after", parent.ID, "error", err)
	default:
		l.post(func() { l.take(known) })
	}
}

// catchUpChains asks for what hooks name after the last runs that ended before
// the daemon was killed, for it may have been killed between the two.
func (l *loop) catchUpChains(ctx context.Context) {
	for name, task := range l.cfg.Tasks {
		h := task.Hooks
		if !slices.ContainsFunc(slices.Concat(h.OnSuccess, h.OnFailure, h.OnOutput), func(hook string) bool { _, ok := config.RunHook(hook); return ok }) {
			continue
		}
		runs, err := l.ledger.List(ctx, ledger.Filter{Task: name, Limit: 20})
		if err != nil {
			l.log.Error("cannot read what hooks are to follow", "task", name, "error", err)
		}
		for _, run := range runs {
			if !run.Folded() && !run.Started.IsZero() && run.Finished.After(l.cursor.Through.Add(-time.Minute)) {
				l.chains(ctx, run, false)
			}
		}
	}
}

// inherit tells a run that a hook asked for what it is about.
func (l *loop) inherit(launch *runner.Launch) {
	parent, _, err := l.ledger.Get(context.Background(), launch.Run.Parent)
	if err != nil {
		return // forgotten meanwhile
	}
	vars := map[string]string{"ROTA_PARENT": parent.ID, "ROTA_PARENT_OUTCOME": string(parent.Outcome), "ROTA_PARENT_EXIT": ""}
	if parent.Exit != nil {
		vars["ROTA_PARENT_EXIT"] = strconv.Itoa(*parent.Exit)
	}
	for name, v := range launch.Vars {
		vars[name] = v
	}
	launch.Vars = vars
	_, key := runner.SplitID(launch.Run.ID)
	event := key[:max(0, strings.LastIndexByte(key, '-'))]
	launch.Hook = runner.NewHook(event, parent, l.stateDir, hookTail)
}
