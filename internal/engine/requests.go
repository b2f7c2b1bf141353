package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/query"
	"rota/internal/suggest"
	"rota/runner"
	"rota/schedule"
)

const (
	// mostParked bounds how many requests of one task wait for a time to come
	// or for somebody to release them: a queue's capacity does not count them.
	maxParked = 10_000
	// mostParams bounds the parameters of a request, names and values together:
	// they become the environment of a process.
	mostParams = 64 << 10
)

// slotKey is what only the runs of slots are called.
var slotKey = regexp.MustCompile(`(^|\.)\d{8}T\d{6}Z$`)

// request asks for a run. The input is read and the row added by whoever asks, not
// by the engine: so many can be written together.
func (eng *Engine) request(ctx context.Context, r api.Request, from io.Reader, who string) (runner.Run, error) {
	var run runner.Run
	var most int64
	var share *share
	err := eng.ask(ctx, func() (err error) {
		if run, err = eng.admit(ctx, r, who); err != nil {
			return err
		}
		most = eng.cfg.Tasks[r.Task].InputMax
		share, err = eng.reserve(ctx, run)
		return err
	})
	if err != nil {
		return run, err
	}
	defer eng.post(share.release) // once the engine has taken it in
	run, err = eng.enter(ctx, r, run, share.metered(from), most)
	if err == nil {
		share.keep()
		if r.In > 0 {
			eng.post(func() {
				if _, waits := eng.view.ParkedAs(run.ID, runner.Delayed); waits {
					eng.spans[run.ID] = true
				}
			})
		}
	}
	return run, err
}

// enter records a request that was admitted, with what it reads.
func (eng *Engine) enter(ctx context.Context, r api.Request, run runner.Run, from io.Reader, most int64) (runner.Run, error) {
	var err error
	if r.Key == "" {
		var release func()
		if run.ID, release, err = eng.unused(ctx, r.Task); err != nil {
			return run, err
		}
		defer release()
	}
	in, err := eng.takeInput(run, from, most)
	if err != nil {
		return run, err
	}
	defer in.drop()
	run.Content = content(r, in)
	if r.Key != "" {
		// Two with one id would write one file. The second gets the run of the first, or
		// is refused if it asks for something else.
		release, err := eng.asking.wait(ctx, run.ID)
		if err != nil {
			return run, err
		}
		defer release()
	}
	if !r.Again {
		return eng.submit(ctx, run, in, r.Key != "")
	}
	// Two who ask at the same time must find each other.
	err = eng.act(ctx, func(ctx context.Context) (err error) {
		if there, ok := eng.waitsAlready(run); ok {
			run = there
			return nil
		}
		if run, err = eng.submit(ctx, run, in, r.Key != ""); err == nil {
			eng.take(run) // at once, for the next who asks
		}
		return err
	})
	return run, err
}

// takeQueued takes in the requests that wait in the ledger and that the engine has not
// been told of yet, and reports whether there were any.
func (eng *Engine) takeQueued(ctx context.Context) bool {
	runs, err := eng.ledger.List(ctx, ledger.Filter{States: []runner.State{runner.Queued}})
	if err != nil {
		return false
	}
	fresh := false
	for _, run := range runs {
		if _, there := eng.view.Find(run.ID); !there {
			fresh = true
			eng.take(run)
		}
	}
	return fresh
}

// unused returns an id that no run of a task has, and that nobody else is given
// until it is released: of many who ask in one second two may well draw the same.
func (eng *Engine) unused(ctx context.Context, task string) (id string, release func(), err error) {
	for {
		id := task + "/" + runner.NewKey(eng.clock.Now())
		release, ok := eng.asking.tryTake(id)
		if !ok {
			continue
		}
		_, _, err := eng.ledger.Get(ctx, id)
		if errors.Is(err, ledger.ErrNotFound) {
			return id, release, nil
		}
		release()
		if err != nil {
			return "", nil, err
		}
	}
}

// waitsAlready returns a request that waits and asks for the same.
func (eng *Engine) waitsAlready(run runner.Run) (runner.Run, bool) {
	for _, r := range eng.view.Waiting(run.Task) {
		if !r.IsSlot() && r.Content == run.Content {
			return r, true
		}
	}
	return run, false
}

// submit writes a request down, and has the engine take it in. Its id is given, or a new
// one.
func (eng *Engine) submit(ctx context.Context, run runner.Run, in *input, given bool) (runner.Run, error) {
	there, _, err := eng.ledger.Get(ctx, run.ID)
	switch fresh := errors.Is(err, ledger.ErrNotFound); {
	case err != nil && !fresh:
		return run, err
	case fresh || becomes(there, run):
		if fresh && given { // neither output nor result of one that is forgotten are those of this one
			if err := eng.files().Forget([]string{run.ID}, nil); err != nil {
				return run, err
			}
		}
		if run.Input, run.InputFile, err = in.keep(); err != nil {
			return run, err
		}
	default: // it is that one, or refused
		run.Input, run.InputFile = there.Input, there.InputFile
	}
	known, err := eng.admitted(ctx, run)
	if err != nil {
		eng.discard(run)
	}
	switch {
	case errors.Is(err, ledger.ErrExists):
		return run, api.Errorf(api.Conflict, "choose another id, or see what it is: rota show "+run.ID, "%s is taken by a request for something else", run.ID)
	case errors.Is(err, ledger.ErrQueueFull):
		return run, api.Errorf(api.NotNow, "try again later", "the queue %q is full", run.Queue)
	case err != nil:
		return run, err
	}
	eng.post(func() { eng.take(known) })
	return known, nil
}

// admitted records a run that was asked for, and returns what it is in the ledger.
func (eng *Engine) admitted(ctx context.Context, run runner.Run) (runner.Run, error) {
	done, err := eng.ledger.Commit(ctx, ledger.Change{Requests: []runner.Run{run}})
	if err != nil {
		return run, err
	}
	return done.Requests[0], nil
}

// discard removes the input of a request that was refused after all.
func (eng *Engine) discard(run runner.Run) {
	if run.InputFile == "" {
		return
	}
	if _, _, err := eng.ledger.Get(context.Background(), run.ID); !errors.Is(err, ledger.ErrNotFound) {
		return // it is that of another one, or nobody can tell
	}
	if err := os.Remove(run.InputFile); err != nil {
		eng.log.Warn("cannot remove the input of a request that was refused", "run", run.ID, "error", err)
	}
}

// becomes reports whether a recurring request is one from now on that asks for
// something else, or once more: only then the input is that of the new one.
func becomes(there, run runner.Run) bool {
	if there.On == "" || run.State != runner.Recurring {
		return false
	}
	return there.Outcome != "" || there.State == runner.Recurring && there.Content != run.Content
}

// take takes in a request that was written down.
func (eng *Engine) take(run runner.Run) {
	if why, void := eng.void(run); void {
		_ = eng.cancel(context.Background(), run, why)
		return
	}
	old, there := eng.view.Find(run.ID)
	_, leased := eng.leases.Load(run.ID)
	if there && old.State != runner.Recurring && old.State != runner.Held || leased {
		return // asked for twice
	}
	switch run.State {
	case runner.Queued, runner.Delayed:
	case runner.Recurring, runner.Held:
		// Nothing would ever notice that somebody has cancelled it meanwhile.
		if now, _, err := eng.ledger.Get(context.Background(), run.ID); err == nil && now.State != run.State {
			return
		}
	default:
		return // it ended long ago
	}
	eng.register(run)
	eng.record(run)
}

// admit checks a request and makes a run of it.
func (eng *Engine) admit(ctx context.Context, r api.Request, who string) (runner.Run, error) {
	task, err := eng.requested(r)
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
		return run, eng.mayQueue(ctx, r, task)
	}
	run.Queued = time.Time{}
	if eng.view.CountParked(r.Task) >= maxParked {
		return run, api.Errorf(api.NotNow, "cancel some: rota cancel --all "+r.Task, "%d requests of task %q wait for their time", maxParked, r.Task)
	}
	return run, nil
}

// requested returns the task that a request is for, or why it cannot be taken.
func (eng *Engine) requested(r api.Request) (config.Task, error) {
	task, ok := eng.cfg.Tasks[r.Task]
	switch err := r.Check(); {
	case err != nil:
		return task, err
	case !ok:
		return task, eng.noTask(r.Task)
	case eng.stopping:
		return task, errStopping
	case slotKey.MatchString(r.Key):
		return task, api.Errorf(api.Usage, "choose another", "%q is what the run of a slot is called", r.Key)
	}
	return task, checkParams(r, task.Params)
}

// requestTime says of a run that is asked for when it is to start, and how often.
func (eng *Engine) requestTime(ctx context.Context, run *runner.Run, r api.Request, now time.Time) error {
	at := r.At
	if r.In > 0 {
		at = now.Add(r.In)
	}
	if r.On != "" {
		spec, err := eng.parse(r.Task, r.On, now)
		if err != nil {
			return err
		}
		if run.On = spec.String(); spec.Kind() == schedule.Once {
			run.On, at = "", spec.Next(time.Time{})
		} else {
			if err := mayRecur(ctx, spec, now); err != nil {
				return err
			}
			run.State = runner.Recurring
		}
	}
	if err := eng.notPast(ctx, idOf(*run, r), at, now); err != nil {
		return err
	}
	if at.After(now) {
		run.State, run.NotBefore, run.Scheduled = runner.Delayed, at, at
	}
	return nil
}

// mayQueue returns why a request for a run now cannot be queued; nil: it can.
func (eng *Engine) mayQueue(ctx context.Context, r api.Request, task config.Task) error {
	if h, held := eng.held(r.Task); held && !r.Force {
		return api.Errorf(api.Conflict, "to run it all the same: rota run --force "+r.Task+"; to release it: rota release "+r.Task, "task %q is %s", r.Task, h)
	}
	if err := eng.mayEnd(ctx, r.Task); err != nil {
		return err
	}
	if task.Queue == "" && len(eng.view.Waiting(r.Task)) >= runner.UnqueuedCapacity {
		return tooMany(r.Task)
	}
	return nil
}

func tooMany(task string) error {
	return api.Errorf(api.NotNow, "try again later", "too many runs of task %q wait", task)
}

// noTask is the answer to a name that is not in the file.
func (eng *Engine) noTask(name string) error { return query.NoTask(eng.cfg.Tasks, name) }

// checkParams refuses parameters that the task does not have, and more than fit
// into an environment.
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
	if sum > mostParams {
		return api.Errorf(api.Usage, "give what is long as input", "the parameters are longer than %d bytes together", mostParams)
	}
	return nil
}

// content is a digest of all that was asked for: the same id with the same is the
// same request.
func content(r api.Request, in *input) string {
	text, _ := json.Marshal([]any{r.At, r.In, r.On, r.Held, r.Params, in.digest})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
