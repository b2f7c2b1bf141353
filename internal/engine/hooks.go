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

// hookTail is how many bytes of a run's output the run that a hook asked for is
// told of.
const hookTail = 4 << 10

// hookOf is what the hooks of a task say to an event of a run.
type hookOf struct {
	event string
	list  []string
}

// hooksOf returns the hooks that the end of a run calls for, as the file is in
// force then: a run that somebody cancelled, stopped or replaced calls for none.
// It may be called from any goroutine.
func (eng *Engine) hooksOf(run runner.Run, recovered bool) []hookOf {
	hooks := eng.inForce.Load().Tasks[run.Task].Hooks
	var all []hookOf
	switch {
	case run.Outcome.IsFailure():
		all = append(all, hookOf{"failure", hooks.OnFailure})
	case run.Outcome == runner.Missed:
		return []hookOf{{"missed", hooks.OnMissed}}
	case run.Outcome == runner.OK:
		all = append(all, hookOf{"success", hooks.OnSuccess})
		if recovered {
			all = append(all, hookOf{"recover", hooks.OnRecover})
		}
	default:
		return nil
	}
	if len(hooks.OnOutput) > 0 && eng.hasOutput(run) {
		all = append(all, hookOf{"output", hooks.OnOutput})
	}
	return all
}

// hasOutput reports whether the last attempt of a run wrote anything.
func (eng *Engine) hasOutput(run runner.Run) bool {
	_, err := os.Stat(eng.files().Log(run.ID, run.Attempts))
	return err == nil
}

// recovers reports whether the end of a run is a success after a failure. It is
// asked before that end is written down; then written has to be called. Until
// then other successes of the task wait, or all would be the first.
func (eng *Engine) recovers(ctx context.Context, run runner.Run, res runner.Result) (yes bool, written func()) {
	if res.Outcome != runner.OK || len(eng.inForce.Load().Tasks[run.Task].Hooks.OnRecover) == 0 {
		return false, func() {}
	}
	turn, _ := eng.recovery.LoadOrStore(run.Task, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	past, err := eng.ledger.Past(ctx, run.Task)
	if err != nil {
		eng.log.Error("cannot read whether a task had failed before", "task", run.Task, "error", err)
	}
	return past[run.Task].Failures > 0, turn.(*sync.Mutex).Unlock
}

// chains returns the runs that hooks ask for. They are written down with what
// they follow, so that each is asked for once, whenever the daemon is killed. It
// may be called from any goroutine.
func (eng *Engine) chains(parent runner.Run, hooks []hookOf) []runner.Run {
	var all []runner.Run
	for _, h := range hooks {
		for _, hook := range h.list {
			name, ok := config.RunHook(hook)
			if _, there := eng.inForce.Load().Tasks[name]; ok && there {
				all = append(all, eng.chain(parent, h.event, name))
			}
		}
	}
	return all
}

// chain returns the run of a task that an event of another run asks for.
func (eng *Engine) chain(parent runner.Run, event, name string) runner.Run {
	task, now := eng.inForce.Load().Tasks[name], eng.clock.Now()
	sum := sha256.Sum256([]byte(parent.ID + "\n" + event))
	return runner.Run{
		ID: name + "/" + event + "-" + hex.EncodeToString(sum[:6]), Task: name, Cause: runner.CauseChain, State: runner.Queued,
		Scheduled: now, Queued: now, Queue: task.Queue, Priority: task.Priority,
		Parent: parent.ID, Who: parent.ID, User: task.User, Trace: parent.Trace, Content: "on_" + event + " of " + parent.ID,
	}
}

// written returns those of the runs asked for with the end of another that are
// there: their queues had room for them.
func (eng *Engine) written(ctx context.Context, asked []runner.Run) []runner.Run {
	var there []runner.Run
	for _, run := range asked {
		known, _, err := eng.ledger.Get(ctx, run.ID)
		switch {
		case errors.Is(err, ledger.ErrNotFound):
			eng.noRoom(run)
		case err != nil:
			eng.log.Error("cannot start what a hook names", "task", run.Task, "after", run.Parent, "error", err)
		case known.Content != run.Content:
			eng.log.Error("cannot start what a hook names: its id is taken", "run", run.ID, "after", run.Parent)
		default:
			there = append(there, known)
		}
	}
	return there
}

// takeChains takes in what hooks asked for. A queue bounds itself; what is in
// none is bounded here.
func (eng *Engine) takeChains(ctx context.Context, runs []runner.Run) {
	for _, run := range runs {
		if run.Queue == "" && len(eng.view.Waiting(run.Task)) >= runner.UnqueuedCapacity {
			_ = eng.cancel(ctx, run, runner.Reason{Code: runner.ReasonTooMany})
			continue
		}
		eng.take(run)
	}
}

func (eng *Engine) noRoom(run runner.Run) {
	eng.log.Error("cannot start what a hook names: the queue is full", "task", run.Task, "queue", run.Queue, "after", run.Parent)
}

// addChains adds to a batch what hooks ask for because of what it ends and of
// the slots that it says were missed, and reports whether that is anything.
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
			eng.noRoom(run)
			continue
		}
		b.Runs = append(b.Runs, run)
	}
	return true
}

// supersededRun returns the run that an end is of, if that had failed and was to be
// attempted again.
func (eng *Engine) supersededRun(e runner.End) (runner.Run, bool) {
	run, ok := eng.view.ParkedAs(e.ID, runner.Delayed)
	if !ok || !e.Outcome.IsFailure() {
		return runner.Run{}, false
	}
	run.State, run.Outcome, run.Reason, run.Why, run.Finished = "", e.Outcome, e.Reason, e.Why, eng.clock.Now()
	return run, true
}

// inherit tells a run that a hook asked for what it is about.
func (eng *Engine) inherit(launch *runner.Launch) {
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
