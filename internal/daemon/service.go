package daemon

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"rota/config"
	"rota/internal/api"
	"rota/internal/notify"
	"rota/internal/query"
)

// service is what a daemon does for others. What changes anything is done by the
// loop; what only looks reads the ledger.
type service struct {
	*query.Reader
	l    *loop
	file *file
}

var _ api.Service = (*service)(nil)

// Request implements [api.Service].
func (s *service) Request(ctx context.Context, r api.Request, input io.Reader) (api.Run, error) {
	run, err := s.l.request(ctx, r, input, api.Who(ctx))
	return api.RunOf(run), err
}

// Reload implements [api.Service].
func (s *service) Reload(ctx context.Context, plan bool) (api.Reloaded, error) {
	var changes config.Changes
	var problems []string // of access
	var err error
	cfg := s.l.inForce.Load()
	if plan {
		if cfg, changes, err = s.file.plan(ctx); err == nil {
			problems = s.l.access.problems(cfg.Web)
		}
	} else if changes, problems, err = s.file.reloadAll(ctx, s.l, cmp.Or(api.Who(ctx), "somebody")); err == nil {
		cfg = s.l.inForce.Load()
	}
	if err != nil {
		return api.Reloaded{}, fileError(s.l.inForce.Load().Path, err, problems)
	}
	r := api.Reloaded{Added: changes.Added, Removed: changes.Removed, Same: changes.Same, Settings: changes.Settings, Text: changes.String(), Plan: plan}
	for _, c := range changes.Changed {
		r.Changed = append(r.Changed, c.Task+": "+c.Detail)
	}
	for _, w := range cfg.Warnings {
		r.Warnings = append(r.Warnings, w.Error())
	}
	if change := cfg.ZoneChange(); change != "" {
		r.Warnings = append(r.Warnings, change)
	}
	r.Warnings = append(r.Warnings, problems...)
	return r, nil
}

// fileError is an error of the file for others, with what else went wrong.
func fileError(path string, err error, also []string) error {
	var wrong *config.Errors
	if api.CodeOf(err) == api.NotNow {
		return err
	}
	if !errors.As(err, &wrong) {
		return api.Errorf(api.File, strings.Join(also, "; "), "%v", err)
	}
	e := api.Errorf(api.File, "", "%s in %s; the last good one stays in force", api.Plural(len(wrong.Faults), "error", "errors"), path)
	for _, f := range wrong.Faults {
		e.Faults = append(e.Faults, api.Fault{Message: f.Msg, File: f.File, Line: f.Line, Column: f.Col, Hint: f.Hint, Warning: f.Warning, Text: f.Render()})
	}
	for _, problem := range also {
		e.Faults = append(e.Faults, api.Fault{Message: problem, Warning: true, Text: "warning: " + problem})
	}
	return e
}

// Notify implements [api.Service].
func (s *service) Notify(ctx context.Context, name string) (api.Notified, error) {
	if s.l.notifications == nil {
		return api.Notified{}, api.Errorf(api.NotFound, "", "no target %q", name)
	}
	to, took, err := s.l.notifications.Test(ctx, name)
	switch {
	case errors.Is(err, notify.ErrNoTarget):
		e := query.NoTask(s.l.inForce.Load().Notify, name).(*api.Error)
		e.Message = "no [notify] target \"" + name + "\""
		return api.Notified{}, e
	case err != nil:
		return api.Notified{}, api.Errorf(api.Failed, "", "%s: %v", name, err)
	}
	return api.Notified{Target: name, To: to, Took: took.Seconds()}, nil
}

// Watch implements [api.Service].
func (s *service) Watch(ctx context.Context) (<-chan api.Message, error) {
	return s.l.hub.Watch(ctx), nil
}
