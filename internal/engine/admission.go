package engine

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/query"
	"rota/internal/suggest"
	"rota/runner"
)

const (
	// maxParked limits the held and delayed requests of one task: the capacity of a
	// queue does not include them.
	maxParked = 10_000
	// maxParamBytes limits the parameters of a request, names and values together:
	// they become the environment of a process.
	maxParamBytes = 64 << 10
)

// slotKey matches the keys of the runs of slots, which requests must not use.
var slotKey = regexp.MustCompile(`(^|\.)\d{8}T\d{6}Z$`)

// admit checks a request and returns its run.
func (eng *Engine) admit(ctx context.Context, r api.Request, who string) (runner.Run, error) {
	task, err := eng.requestedTask(r)
	if err != nil {
		return runner.Run{}, err
	}
	now := eng.clock.Now()
	run := runner.Run{
		ID: r.Task + "/" + r.Key, Task: r.Task, Cause: runner.CauseManual, State: runner.Queued,
		Scheduled: now, Queued: now, Params: r.Params, Queue: task.Queue, Priority: task.Priority, Who: who, User: task.User, Trace: r.Trace, Force: r.Force, Binding: (r.Force || r.Held) && api.Binds(ctx, r.Task),
	}
	if err := eng.requestTime(ctx, &run, r, now); err != nil {
		return run, err
	}
	if r.Held {
		run.State = runner.Held
	}
	if run.State == runner.Queued {
		return run, eng.checkQueueable(ctx, r, task)
	}
	run.Queued = time.Time{}
	if eng.view.CountParked(r.Task) >= maxParked {
		return run, api.Errorf(api.NotNow, "cancel some: rota cancel --all "+r.Task, "%d requests of task %q are waiting for their time", maxParked, r.Task)
	}
	return run, nil
}

// requestedTask returns the task of a request, or why the request is not allowed.
func (eng *Engine) requestedTask(r api.Request) (config.Task, error) {
	task, ok := eng.cfg.Tasks.Find(r.Task)
	switch err := r.Check(); {
	case err != nil:
		return task, err
	case !ok:
		return task, eng.noTask(r.Task)
	case eng.stopping:
		return task, errStopping
	case slotKey.MatchString(r.Key):
		return task, api.Errorf(api.Usage, "choose another", "%q has the form of the key of a slot", r.Key)
	}
	return task, checkParams(r, task.Params)
}

// checkQueueable returns why an immediate request cannot be queued; nil: it can.
func (eng *Engine) checkQueueable(ctx context.Context, r api.Request, task config.Task) error {
	if h, held := eng.holdReason(r.Task); held && !r.Force {
		return api.Errorf(api.Conflict, "to run it anyway: rota run --force "+r.Task+"; to release it: rota release "+r.Task, "task %q is %s", r.Task, h)
	}
	if err := eng.mayOverrideHold(ctx, r.Task); err != nil {
		return err
	}
	if task.Queue == "" && len(eng.view.Waiting(r.Task)) >= runner.UnqueuedCapacity {
		return tooMany(r.Task)
	}
	return nil
}

func tooMany(task string) error {
	return api.Errorf(api.NotNow, "try again later", "too many runs of task %q are waiting", task)
}

// noTask returns the error for a name that is not in the file.
func (eng *Engine) noTask(name string) error { return query.NoTask(eng.cfg.Tasks, name) }

// checkParams returns an error for parameters that the task does not have, or that are
// longer than maxParamBytes.
func checkParams(r api.Request, known map[string]string) error {
	sum := 0
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		if _, ok := known[name]; !ok {
			names := slices.Sorted(maps.Keys(known))
			hint := fmt.Sprintf("task %q has the parameters %s", r.Task, strings.Join(names, ", "))
			if near := suggest.Nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			} else if len(names) == 0 {
				hint = fmt.Sprintf("task %q has none", r.Task)
			}
			return api.Errorf(api.Usage, hint, "no parameter %q", name)
		}
		sum += len(name) + len(r.Params[name])
	}
	if sum > maxParamBytes {
		return api.Errorf(api.Usage, "pass long values as input", "the parameters are longer than %d bytes together", maxParamBytes)
	}
	return nil
}
