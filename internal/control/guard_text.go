package control

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"rota/internal/api"
	"rota/runner"
)

// run returns r without the names of tasks and runs that the caller may not see.
func (g *guard) run(r api.Run) api.Run {
	if g.all() {
		return r
	}
	if !g.sees(r.Parent) {
		r.Parent = ""
	}
	if !g.sees(r.By) {
		r.By = ""
	}
	r.Why, r.Who = g.text(r.Why), g.text(r.Who)
	return r
}

// nameWord matches what may be the id of a run, or a hook with the name of a task, but not a
// part of a longer path.
var nameWord = regexp.MustCompile(`(\brun )?[A-Za-z0-9_.@~:/-]+`)

// text returns a text without the ids of runs, and the names of tasks in hooks, that the
// caller may not see. It checks only the form of an id: if it checked whether the run
// exists, a user who can write such texts could learn which runs exist.
func (g *guard) text(text string) string {
	if g.all() {
		return text
	}
	return nameWord.ReplaceAllStringFunc(text, func(w string) string {
		name := strings.TrimRight(w, ".:")
		end := w[len(name):]
		name = strings.TrimPrefix(name, "run ")
		if task, hook := strings.CutPrefix(name, "run:"); hook {
			if api.IsTask(task) && !g.sees(task) {
				return "run:…" + end
			}
			return w
		}
		task, key := runner.SplitID(name)
		if name == "fork/exec" || !api.IsTask(task) || !api.IsRunKey(key) || g.sees(task) {
			return w
		}
		return "another run" + end
	})
}

// hidden holds the names of tasks that the caller may not see.
type hidden []string

// hiddenOf returns the names of the awaited tasks that the caller may not see.
func (g *guard) hiddenOf(all []api.Awaited) (names hidden) {
	for _, a := range all {
		if !g.sees(a.Task) {
			names = append(names, a.Task)
		}
	}
	return names
}

// in returns a text without the hidden names.
func (h hidden) in(text string) string {
	if len(h) == 0 {
		return text
	}
	return nameWord.ReplaceAllStringFunc(text, func(w string) string {
		name := strings.TrimRight(w, ".:")
		if !slices.Contains(h, name) {
			return w
		}
		return "another task" + w[len(name):]
	})
}

// texts returns text of each text.
func (g *guard) texts(all []string) []string {
	shown := make([]string, len(all))
	for i, text := range all {
		shown[i] = g.text(text)
	}
	return shown
}

// hide removes from an error the names of tasks and runs that the caller may not see.
// It also removes the hint of a NotFound error, which suggests similar names.
func (g *guard) hide(err error) error {
	if err == nil || g.all() || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var e *api.Error
	if !errors.As(err, &e) {
		return &api.Error{Code: api.Failed, Message: g.text(err.Error())}
	}
	shown := &api.Error{Code: e.Code, Message: g.text(e.Message), Hint: g.text(e.Hint)}
	for _, n := range e.NotDone { // n.Name was given by the caller
		n.Message, n.Hint = g.text(n.Message), g.text(n.Hint)
		if n.Code == api.NotFound {
			n.Hint = ""
		}
		shown.NotDone = append(shown.NotDone, n)
	}
	if e.Code == api.NotFound {
		shown.Hint = ""
	}
	return shown
}
