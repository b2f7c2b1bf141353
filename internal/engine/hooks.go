package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"rota/config"
	"rota/internal/ledger"
	"rota/runner"
)

// hookTail limits the bytes of a run's output that are passed to the run that a hook starts.
const hookTail = 4 << 10

// eventHooks are the hooks of a task for an event of a run.
type eventHooks struct {
	event string
	list  []string
}

// hooksOf returns the hooks for the end of a run, by the file in force at its end: none for
// a run that was cancelled, stopped or replaced. It may be called from any goroutine.
func (eng *Engine) hooksOf(run runner.Run, recovered bool) []eventHooks {
	hooks := eng.inForce.Load().Tasks.Get(run.Task).Hooks
	var all []eventHooks
	switch {
	case run.Outcome.IsFailure():
		all = append(all, eventHooks{"failure", hooks.OnFailure})
	case run.Outcome == runner.Missed:
		return []eventHooks{{"missed", hooks.OnMissed}}
	case run.Outcome == runner.OK:
		all = append(all, eventHooks{"success", hooks.OnSuccess})
		if recovered {
			all = append(all, eventHooks{"recover", hooks.OnRecover})
		}
	default:
		return nil
	}
	if len(hooks.OnOutput) > 0 && eng.hasOutput(run) {
		all = append(all, eventHooks{"output", hooks.OnOutput})
	}
	return all
}

// hasOutput reports whether the last attempt of a run wrote anything.
func (eng *Engine) hasOutput(run runner.Run) bool {
	_, err := os.Stat(eng.files().Log(run.ID, run.Attempts))
	return err == nil
}

// recovers reports whether the end of a run is a success after a failure. It is called
// before that end is recorded; unlock must be called after that. Until then other successes
// of the task wait, or each would be the first.
func (eng *Engine) recovers(ctx context.Context, run runner.Run, res runner.Result) (yes bool, unlock func()) {
	if res.Outcome != runner.OK || len(eng.inForce.Load().Tasks.Get(run.Task).Hooks.OnRecover) == 0 {
		return false, func() {}
	}
	turn, _ := eng.taskLocks.LoadOrStore(run.Task, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	past, err := eng.ledger.Past(ctx, run.Task)
	if err != nil {
		eng.log.Error("cannot read whether a task had failed before", "task", run.Task, "error", err)
	}
	return past[run.Task].Failures > 0, turn.(*sync.Mutex).Unlock
}

// chains returns the runs that hooks start. They are recorded in the commit of the event, so
// that each is requested once even if the daemon is killed. It may be called from any
// goroutine.
func (eng *Engine) chains(parent runner.Run, hooks []eventHooks) []runner.Run {
	var all []runner.Run
	for _, h := range hooks {
		for _, hook := range h.list {
			name, ok := config.RunHook(hook)
			if _, there := eng.inForce.Load().Tasks[name]; ok && there {
				all = append(all, eng.newChain(parent, h.event, name))
			}
		}
	}
	return all
}

// newChain returns the run of a task that a hook starts at an event of another run.
func (eng *Engine) newChain(parent runner.Run, event, name string) runner.Run {
	task, now := eng.inForce.Load().Tasks.Get(name), eng.clock.Now()
	sum := sha256.Sum256([]byte(parent.ID + "\n" + event))
	return runner.Run{
		ID: name + "/" + event + "-" + hex.EncodeToString(sum[:6]), Task: name, Cause: runner.CauseChain, State: runner.Queued,
		Scheduled: now, Queued: now, Queue: task.Queue, Priority: task.Priority,
		Parent: parent.ID, Who: parent.ID, User: task.User, Trace: parent.Trace, Content: "on_" + event + " of " + parent.ID,
	}
}

// recordedChains returns which of the runs requested with the end of another were recorded:
// the queues of the others were full.
func (eng *Engine) recordedChains(ctx context.Context, asked []runner.Run) []runner.Run {
	var there []runner.Run
	for _, run := range asked {
		known, _, err := eng.ledger.Get(ctx, run.ID)
		switch {
		case errors.Is(err, ledger.ErrNotFound):
			eng.logQueueFull(run)
		case err != nil:
			eng.log.Error("cannot start the task of a hook", "task", run.Task, "after", run.Parent, "error", err)
		case known.Content != run.Content:
			eng.log.Error("cannot start the task of a hook: the id is taken", "run", run.ID, "after", run.Parent)
		default:
			there = append(there, known)
		}
	}
	return there
}

// registerChains registers recorded runs of hooks. The ledger limits the runs in queues;
// those in none are limited here.
func (eng *Engine) registerChains(ctx context.Context, runs []runner.Run) {
	for _, run := range runs {
		if run.Queue == "" && len(eng.view.Waiting(run.Task)) >= runner.UnqueuedCapacity {
			_ = eng.cancel(ctx, run, runner.Reason{Code: runner.ReasonTooMany})
			continue
		}
		eng.registerRequest(run)
	}
}

func (eng *Engine) logQueueFull(run runner.Run) {
	eng.log.Error("cannot start the task of a hook: the queue is full", "task", run.Task, "queue", run.Queue, "after", run.Parent)
}

// addChains adds to a batch the runs that hooks start because of the ends and missed slots
// in it, and reports whether there are any.
func (eng *Engine) addChains(b *runner.Batch) bool {
	var asked []runner.Run
	for _, f := range b.Summaries {
		asked = append(asked, eng.chains(f, eng.hooksOf(f, false))...)
	}
	for _, e := range b.Ends {
		if run, ok := eng.supersededRun(e); ok {
			asked = append(asked, eng.chains(run, eng.hooksOf(run, false))...)
		}
	}
	if len(asked) == 0 {
		return false
	}
	waiting := map[string]int{} // by queue
	for _, r := range slices.Concat(b.Runs, eng.view.Waiting("")) {
		waiting[r.Queue]++
	}
	for _, run := range asked {
		room := runner.UnqueuedCapacity
		if run.Queue != "" {
			room = eng.cfg.Queues[run.Queue].Capacity
		}
		if waiting[run.Queue]++; waiting[run.Queue] > room {
			eng.logQueueFull(run)
			continue
		}
		b.Runs = append(b.Runs, run)
	}
	return true
}

// supersededRun returns the run of an end, if it had failed and waited for another attempt.
func (eng *Engine) supersededRun(e runner.End) (runner.Run, bool) {
	run, ok := eng.view.ParkedAs(e.ID, runner.Delayed)
	if !ok || !e.Outcome.IsFailure() {
		return runner.Run{}, false
	}
	run.State, run.Outcome, run.Reason, run.Why, run.Finished = "", e.Outcome, e.Reason, e.Why, eng.clock.Now()
	return run, true
}

// setParent passes the parent run to a run that a hook starts: by environment and input.
func (eng *Engine) setParent(launch *runner.Launch) {
	parent, _, err := eng.ledger.Get(context.Background(), launch.Run.Parent)
	if err != nil {
		parent = runner.Run{ID: launch.Run.Parent} // forgotten meanwhile
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
	launch.Hook = runner.NewHook(event, parent, eng.stateDir, hookTail)
}
