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
	mostParked = 10_000
	// mostParams bounds the parameters of a request, names and values together:
	// they become the environment of a process.
	mostParams = 64 << 10
)

// slotKey is what only the runs of slots are called.
var slotKey = regexp.MustCompile(`(^|\.)\d{8}T\d{6}Z$`)

// request asks for a run. The input is read and the row added by whoever asks, not
// by the loop: so many can be written together.
func (l *loop) request(ctx context.Context, r api.Request, from io.Reader, who string) (runner.Run, error) {
	var run runner.Run
	var most int64
	var share *share
	err := l.ask(ctx, func() (err error) {
		if run, err = l.admit(ctx, r, who); err != nil {
			return err
		}
		most = l.cfg.Tasks[r.Task].InputMax
		share, err = l.reserve(ctx, run)
		return err
	})
	if err != nil {
		return run, err
	}
	defer l.post(share.release) // once the loop has taken it in
	run, err = l.enter(ctx, r, run, share.metered(from), most)
	if err == nil {
		share.keep()
		if r.In > 0 {
			l.post(func() {
				if _, waits := l.view.ParkedAs(run.ID, runner.Delayed); waits {
					l.spans[run.ID] = true
				}
			})
		}
	}
	return run, err
}

// enter records a request that was admitted, with what it reads.
func (l *loop) enter(ctx context.Context, r api.Request, run runner.Run, from io.Reader, most int64) (runner.Run, error) {
	var err error
	if r.Key == "" {
		var release func()
		if run.ID, release, err = l.unused(ctx, r.Task); err != nil {
			return run, err
		}
		defer release()
	}
	in, err := l.takeInput(run, from, most)
	if err != nil {
		return run, err
	}
	defer in.drop()
	run.Content = content(r, in)
	if r.Key != "" {
		// Two with one id would write one file. The second gets the run of the first, or
		// is refused if it asks for something else.
		release, err := l.asking.wait(ctx, run.ID)
		if err != nil {
			return run, err
		}
		defer release()
	}
	if !r.Again {
		return l.submit(ctx, run, in, r.Key != "")
	}
	// Two who ask at the same time must find each other.
	err = l.act(ctx, func(ctx context.Context) (err error) {
		if there, ok := l.waitsAlready(run); ok {
			run = there
			return nil
		}
		if run, err = l.submit(ctx, run, in, r.Key != ""); err == nil {
			l.take(run) // at once, for the next who asks
		}
		return err
	})
	return run, err
}

// takeQueued takes in the requests that wait in the ledger and that the loop has not
// been told of yet, and reports whether there were any.
func (l *loop) takeQueued(ctx context.Context) bool {
	runs, err := l.ledger.List(ctx, ledger.Filter{States: []runner.State{runner.Queued}})
	if err != nil {
		return false
	}
	fresh := false
	for _, run := range runs {
		if _, there := l.view.Find(run.ID); !there {
			fresh = true
			l.take(run)
		}
	}
	return fresh
}

// unused returns an id that no run of a task has, and that nobody else is given
// until it is released: of many who ask in one second two may well draw the same.
func (l *loop) unused(ctx context.Context, task string) (id string, release func(), err error) {
	for {
		id := task + "/" + runner.NewKey(l.clock.Now())
		release, ok := l.asking.tryTake(id)
		if !ok {
			continue
		}
		_, _, err := l.ledger.Get(ctx, id)
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
func (l *loop) waitsAlready(run runner.Run) (runner.Run, bool) {
	for _, r := range l.view.Waiting(run.Task) {
		if !r.IsSlot() && r.Content == run.Content {
			return r, true
		}
	}
	return run, false
}

// submit writes a request down, and has the loop take it in. Its id is given, or a new
// one.
func (l *loop) submit(ctx context.Context, run runner.Run, in *input, given bool) (runner.Run, error) {
	there, _, err := l.ledger.Get(ctx, run.ID)
	switch fresh := errors.Is(err, ledger.ErrNotFound); {
	case err != nil && !fresh:
		return run, err
	case fresh || becomes(there, run):
		if fresh && given { // neither output nor result of one that is forgotten are those of this one
			if err := ledger.ClearAll(l.stateDir, run.ID); err != nil {
				return run, err
			}
		}
		if run.Input, run.InputFile, err = in.keep(); err != nil {
			return run, err
		}
	default: // it is that one, or refused
		run.Input, run.InputFile = there.Input, there.InputFile
	}
	known, err := l.admitted(ctx, run)
	if err != nil {
		l.discard(run)
	}
	switch {
	case errors.Is(err, ledger.ErrExists):
		return run, api.Errorf(api.Conflict, "choose another id, or see what it is: rota show "+run.ID, "%s is taken by a request for something else", run.ID)
	case errors.Is(err, ledger.ErrQueueFull):
		return run, api.Errorf(api.NotNow, "try again later", "the queue %q is full", run.Queue)
	case err != nil:
		return run, err
	}
	l.post(func() { l.take(known) })
	return known, nil
}

// admitted records a run that was asked for, and returns what it is in the ledger.
func (l *loop) admitted(ctx context.Context, run runner.Run) (runner.Run, error) {
	done, err := l.ledger.Commit(ctx, ledger.Change{Requests: []runner.Run{run}})
	if err != nil {
		return run, err
	}
	return done.Requests[0], nil
}

// discard removes the input of a request that was refused after all.
func (l *loop) discard(run runner.Run) {
	if run.InputFile == "" {
		return
	}
	if _, _, err := l.ledger.Get(context.Background(), run.ID); !errors.Is(err, ledger.ErrNotFound) {
		return // it is that of another one, or nobody can tell
	}
	if err := os.Remove(run.InputFile); err != nil {
		l.log.Warn("cannot remove the input of a request that was refused", "run", run.ID, "error", err)
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
func (l *loop) take(run runner.Run) {
	if why, void := l.void(run); void {
		_ = l.cancel(context.Background(), run, why)
		return
	}
	old, there := l.view.Find(run.ID)
	_, leased := l.leases.Load(run.ID)
	if there && old.State != runner.Recurring && old.State != runner.Held || leased {
		return // asked for twice
	}
	switch run.State {
	case runner.Queued:
		l.view.Add(run)
		l.patience(run)
	case runner.Delayed:
		l.delay(run, run.NotBefore)
	case runner.Recurring, runner.Held:
		// Nothing would ever notice that somebody has cancelled it meanwhile.
		if now, _, err := l.ledger.Get(context.Background(), run.ID); err == nil && now.State != run.State {
			return
		}
		l.unregister(run.ID)
		l.view.Add(run)
		if run.State == runner.Recurring {
			l.schedule(run)
		}
	default:
		return // it ended long ago
	}
	l.record(run)
}

// admit checks a request and makes a run of it.
func (l *loop) admit(ctx context.Context, r api.Request, who string) (runner.Run, error) {
	task, err := l.requested(r)
	if err != nil {
		return runner.Run{}, err
	}
	now := l.clock.Now()
	run := runner.Run{
		ID: r.Task + "/" + r.Key, Task: r.Task, Cause: runner.CauseManual, State: runner.Queued,
		Scheduled: now, Queued: now, Params: r.Params, Queue: task.Queue, Priority: task.Priority, Who: who, User: task.User, Trace: r.Trace, Force: r.Force, Binding: (r.Force || r.Held) && api.Binds(ctx, r.Task),
	}
	if err := l.requestTime(ctx, &run, r, now); err != nil {
		return run, err
	}
	if r.Held {
		run.State = runner.Held
	}
	if run.State == runner.Queued {
		return run, l.mayQueue(ctx, r, task)
	}
	run.Queued = time.Time{}
	if l.view.CountParked(r.Task) >= mostParked {
		return run, api.Errorf(api.NotNow, "cancel some: rota cancel --all "+r.Task, "%d requests of task %q wait for their time", mostParked, r.Task)
	}
	return run, nil
}

// requested returns the task that a request is for, or why it cannot be taken.
func (l *loop) requested(r api.Request) (config.Task, error) {
	task, ok := l.cfg.Tasks[r.Task]
	switch err := r.Check(); {
	case err != nil:
		return task, err
	case !ok:
		return task, l.noTask(r.Task)
	case l.stopping:
		return task, errStopping
	case slotKey.MatchString(r.Key):
		return task, api.Errorf(api.Usage, "choose another", "%q is what the run of a slot is called", r.Key)
	}
	return task, checkParams(r, task.Params)
}

// requestTime says of a run that is asked for when it is to start, and how often.
func (l *loop) requestTime(ctx context.Context, run *runner.Run, r api.Request, now time.Time) error {
	at := r.At
	if r.In > 0 {
		at = now.Add(r.In)
	}
	if r.On != "" {
		spec, err := l.parse(r.Task, r.On, now)
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
	if err := l.notPast(ctx, idOf(*run, r), at, now); err != nil {
		return err
	}
	if at.After(now) {
		run.State, run.NotBefore, run.Scheduled = runner.Delayed, at, at
	}
	return nil
}

// mayQueue returns why a request for a run now cannot be queued; nil: it can.
func (l *loop) mayQueue(ctx context.Context, r api.Request, task config.Task) error {
	if h, held := l.held(r.Task); held && !r.Force {
		return api.Errorf(api.Conflict, "to run it all the same: rota run --force "+r.Task+"; to release it: rota release "+r.Task, "task %q is %s", r.Task, h)
	}
	if err := l.mayEnd(ctx, r.Task); err != nil {
		return err
	}
	if task.Queue == "" && len(l.view.Waiting(r.Task)) >= runner.UnqueuedCapacity {
		return tooMany(r.Task)
	}
	return nil
}

func tooMany(task string) error {
	return api.Errorf(api.NotNow, "try again later", "too many runs of task %q wait", task)
}

// noTask is the answer to a name that is not in the file.
func (l *loop) noTask(name string) error { return query.NoTask(l.cfg.Tasks, name) }

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
