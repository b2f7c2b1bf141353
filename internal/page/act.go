package page

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
	"rota/schedule"
)

// confirmPage asks for confirmation of an action that is not easily undone.
type confirmPage struct {
	Head         head
	Title, Text  string
	Names        []string // what it is about
	Do, Name     string   // the action, and the name of its object; "": all
	Button, Back string
	Leave        string // the address of Back
	Reason       bool   // with a field for the reason
	Danger       bool
}

// confirm serves that page.
func (v *visit) confirm() error {
	q := v.r.URL.Query()
	p := confirmPage{Do: v.r.PathValue("what"), Name: q.Get("name"), Back: v.back(), Danger: true}
	switch p.Do {
	case "stop":
		if err := v.mustName(p.Name); err != nil {
			return err
		}
		p.Title, p.Button = "Stop "+p.Name+"?", "Stop"
		p.Text = "The run gets its stop signal, and is killed if it does not end in time. Its work may be incomplete."
	case "hold-all":
		p.Title, p.Button, p.Reason = "Hold all tasks?", "Hold all", true
		p.Text = "No task starts by itself until it is released. Runs that are under way continue."
	case "release-all":
		p.Title, p.Button, p.Danger = "Release all tasks?", "Release all", false
		p.Text = "All tasks start at their times again, including those that were held one by one."
	case "cancel-all":
		p.Title, p.Button = "Cancel all waiting runs?", "Cancel all"
		p.Text = "Runs that are queued, held or delayed, and recurring requests, end without having run."
		if p.Name != "" {
			if err := v.mustName(p.Name); err != nil {
				return err
			}
			p.Title = "Cancel all runs of " + p.Name + " that wait?"
		}
	case "again-failed":
		failed, err := v.failedTasks()
		if err != nil {
			return err
		}
		p.Title, p.Button, p.Danger = "Run again "+count(len(failed), "task that failed?", "tasks that failed?"), "Run again", false
		p.Text = "Each is requested once, with the parameters and input of its last run."
		for _, t := range failed {
			p.Names = append(p.Names, t.Task)
		}
	default:
		return api.Errorf(api.NotFound, "", "no page at this address")
	}
	if err := v.mustAct(); err != nil {
		return err
	}
	p.Leave = v.Site.Base + p.Back
	var err error
	if p.Head, err = v.head("", p.Title); err != nil {
		return err
	}
	return v.show(200, "ask", p)
}

// mustAct refuses actions where the page is read-only.
func (v *visit) mustAct() error {
	if !v.Site.Actions {
		return api.Errorf(api.Forbidden, "actions = true in [web] lets it act", "this page is read-only")
	}
	return nil
}

// mustName refuses a name that is neither of a task nor of a run.
func (v *visit) mustName(name string) error {
	task, key := runner.SplitID(name)
	if !api.IsTask(task) || key != "" && !api.IsRunKey(key) {
		return api.Errorf(api.NotFound, "", "no task or run %q", escape.Short(name, 80))
	}
	return nil
}

// failedTasks are the tasks whose last run failed, and that would run by themselves.
func (v *visit) failedTasks() ([]api.Task, error) {
	tasks, err := v.Service.Tasks(v.r.Context())
	return slices.DeleteFunc(slices.Clone(tasks), func(t api.Task) bool {
		return t.Last == nil || !t.Last.Outcome.IsFailure() || !t.Enabled || !v.may(api.MayRequest, t.Task)
	}), err
}

// actions are those of forms. They return the name of their object; "" if it is all.
var actions = map[string]struct {
	do   func(*visit) (of string, err error)
	said string // the text afterwards; %s is the object
}{
	"run":          {(*visit).doRun, "Requested the run %s."},
	"again":        {(*visit).doRunAgain, "Requested the run %s."},
	"again-failed": {(*visit).doRunFailedAgain, "Requested a run of each task that failed."},
	"stop":         {(*visit).doStop, "%s is being stopped."},
	"cancel": {func(v *visit) (string, error) {
		return v.named(func(name string) error { _, err := v.Service.Cancel(v.r.Context(), name); return err })
	}, "Cancelled %s."},
	"cancel-all": {(*visit).doCancelAll, "Cancelled all waiting runs."},
	"hold":       {(*visit).doHold, "%s is held."},
	"release": {func(v *visit) (string, error) {
		return v.named(func(name string) error { _, err := v.Service.Release(v.r.Context(), name); return err })
	}, "Released %s."},
	"hold-all":    {(*visit).doHoldAll, "All tasks are held."},
	"release-all": {func(v *visit) (string, error) { _, err := v.Service.Release(v.r.Context()); return "", err }, "All tasks are released."},
	"queue-start": {func(v *visit) (string, error) {
		_, err := v.Service.StartQueues(v.r.Context(), v.field("queue"))
		return "", err
	}, "The queue is started."},
	"queue-stop": {func(v *visit) (string, error) {
		_, err := v.Service.StopQueues(v.r.Context(), v.field("queue"))
		return "", err
	}, "The queue is stopped."},
}

// act executes the action of a form, and redirects to the page of the form.
func (v *visit) act() error {
	what := v.r.PathValue("what")
	deed, ok := actions[what]
	if !ok {
		return api.Errorf(api.NotFound, "", "no page at this address")
	}
	if err := v.mustAct(); err != nil {
		return err
	}
	if err := v.r.ParseMultipartForm(maxForm); err != nil && err != http.ErrNotMultipart {
		return api.Errorf(api.Usage, "", "the form cannot be read: %v", err)
	}
	of, err := deed.do(v)
	if err != nil {
		return err
	}
	to, err := url.Parse(v.back())
	if err != nil {
		return err
	}
	q := to.Query()
	q.Set("did", what)
	q.Del("of")
	if of != "" {
		q.Set("of", of)
	}
	to.RawQuery = q.Encode()
	if task, _ := runner.SplitID(of); task != "" && to.Path == "/" {
		to.Fragment = domID("task", task)
	}
	http.Redirect(v.w, v.r, v.Site.Base+to.String(), http.StatusSeeOther)
	return nil
}

// resultText is what the visitor has just done, and the address of its result. Both come
// from the query, which others may have written: only names are taken from it.
func (v *visit) resultText() (text, at string) {
	q := v.r.URL.Query()
	deed, ok := actions[q.Get("did")]
	of := q.Get("of")
	switch {
	case !ok || !v.Site.Actions:
		return "", ""
	case !strings.Contains(deed.said, "%s"):
		return deed.said, ""
	case v.mustName(of) != nil:
		return "", ""
	}
	if _, key := runner.SplitID(of); key != "" {
		at = v.url("runs", of)
	}
	return fmt.Sprintf(deed.said, of), at
}

// field is a field of a form.
func (v *visit) field(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }

// named calls do with the task or run that a form names.
func (v *visit) named(do func(name string) error) (string, error) {
	name := v.field("name")
	if err := v.mustName(name); err != nil {
		return "", err
	}
	return name, do(name)
}

// doRun requests a run.
func (v *visit) doRun() (string, error) {
	r := api.Request{Task: v.field("task"), Held: v.field("held") == "1", Force: v.field("force") == "1"}
	if err := v.mustName(r.Task); err != nil {
		return "", err
	}
	for name, values := range v.r.PostForm {
		if param, ok := strings.CutPrefix(name, "param."); ok && len(values) > 0 {
			if r.Params == nil {
				r.Params = map[string]string{}
			}
			r.Params[param] = values[0]
		}
	}
	var err error
	switch v.field("when") {
	case "in":
		if r.In, err = schedule.Duration(v.field("in")); err != nil {
			return "", api.Errorf(api.Usage, `write it as "90s", "15m" or "2h 30m"`, "in how long it runs cannot be %q", escape.Short(v.field("in"), 40))
		}
	case "at":
		zone := ""
		if tasks, err := v.Service.Tasks(v.r.Context(), r.Task); err == nil && len(tasks) == 1 {
			zone = tasks[0].Timezone
		}
		if r.At, err = v.readTime(v.field("at"), zone); err != nil {
			return "", err
		}
	case "on":
		if r.On = v.field("on"); r.On == "" {
			return "", api.Errorf(api.Usage, `write it as "interval 3h" or "weekday mon-fri at 08:00"`, "no expression is given for when it recurs")
		}
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	var input io.Reader
	if text := strings.ReplaceAll(v.r.PostFormValue("input"), "\r\n", "\n"); text != "" {
		input = strings.NewReader(text)
	}
	run, err := v.Service.Request(v.r.Context(), r, input)
	return run.ID, err
}

// doRunAgain requests a run like another one.
func (v *visit) doRunAgain() (of string, err error) {
	if err := v.mustName(v.field("name")); err != nil {
		return "", err
	}
	return v.runAgain(v.field("name"))
}

func (v *visit) runAgain(id string) (string, error) {
	was, err := v.Service.Run(v.r.Context(), id)
	switch {
	case err != nil:
		return "", err
	case was.LongInput:
		return "", api.Errorf(api.Conflict, "give its input again", "%s read an input that is too long to be repeated", was.ID)
	}
	var input io.Reader
	if was.Input != "" {
		input = strings.NewReader(was.Input)
	}
	run, err := v.Service.Request(v.r.Context(), api.Request{Task: was.Task, Params: was.Params, Again: true}, input)
	return run.ID, err
}

func (v *visit) doRunFailedAgain() (string, error) {
	tasks, err := v.failedTasks()
	if err != nil {
		return "", err
	}
	var not api.Failures
	for _, t := range tasks {
		if _, err := v.runAgain(t.Last.ID); err != nil {
			not.Add(t.Task, err)
		}
	}
	return "", not.Err(len(tasks))
}

// stopWait is how long a browser waits for the end of what it stops; the page shows the
// rest.
const stopWait = 2 * time.Second

func (v *visit) doStop() (string, error) {
	return v.named(func(name string) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(v.r.Context()), 10*time.Minute)
		done := make(chan error, 1)
		go func() {
			defer cancel()
			_, err := v.Service.Stop(ctx, name, v.field("kill") == "1")
			done <- err
		}()
		late := time.NewTimer(stopWait)
		defer late.Stop()
		select {
		case err := <-done:
			return err
		case <-late.C:
			return nil
		}
	})
}

func (v *visit) doCancelAll() (string, error) {
	name := v.field("name")
	if name != "" {
		if err := v.mustName(name); err != nil {
			return "", err
		}
	}
	_, err := v.Service.CancelAll(v.r.Context(), name)
	return "", err
}

func (v *visit) doHold() (string, error) {
	name := v.field("task")
	if err := v.mustName(name); err != nil {
		return "", err
	}
	_, err := v.Service.Hold(v.r.Context(), api.Holding{Tasks: []string{name}})
	return name, err
}

func (v *visit) doHoldAll() (string, error) {
	_, err := v.Service.Hold(v.r.Context(), api.Holding{All: true, Why: v.field("why")})
	return "", err
}
