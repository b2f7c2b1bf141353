package daemon

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"rota/config"
	"rota/internal/control"
	"rota/internal/notify"
	"rota/runner"
)

// service is what a daemon does for others. What changes anything is done by the
// loop; what only looks reads the ledger.
type service struct {
	*reader
	l    *loop
	file *file
}

var _ control.Service = (*service)(nil)

// Request implements [control.Service].
func (s *service) Request(ctx context.Context, r control.Request, input io.Reader) (runner.Run, error) {
	return s.l.request(ctx, r, input, control.Who(ctx))
}

// Reload implements [control.Service].
func (s *service) Reload(ctx context.Context, plan bool) (control.Reloaded, error) {
	var changes config.Changes
	var problems []string // of access
	var err error
	cfg := s.l.inForce.Load()
	if plan {
		if cfg, changes, err = s.file.plan(ctx); err == nil {
			problems = s.l.access.problems(cfg.Web)
		}
	} else if changes, problems, err = s.file.reloadAll(ctx, s.l, cmp.Or(control.Who(ctx), "somebody")); err == nil {
		cfg = s.l.inForce.Load()
	}
	if err != nil {
		return control.Reloaded{}, fileError(err, problems)
	}
	r := control.Reloaded{Added: changes.Added, Removed: changes.Removed, Same: changes.Same, Settings: changes.Settings, Text: changes.String(), Plan: plan}
	for _, c := range changes.Changed {
		r.Changed = append(r.Changed, c.Task+": "+c.Detail)
	}
	for _, w := range cfg.Warnings {
		r.Warnings = append(r.Warnings, w.Error())
	}
	r.Warnings = append(r.Warnings, problems...)
	return r, nil
}

// fileError is an error of the file for others, with what else went wrong.
func fileError(err error, also []string) error {
	var wrong *config.Errors
	if control.CodeOf(err) == control.NotNow {
		return err
	}
	if !errors.As(err, &wrong) {
		return control.Errorf(control.File, strings.Join(also, "; "), "%v", err)
	}
	e := control.Errorf(control.File, "", "%s in the file; the last good one stays in force", plural(len(wrong.Faults), "error", "errors"))
	for _, f := range wrong.Faults {
		e.Faults = append(e.Faults, control.Fault{Message: f.Msg, File: f.File, Line: f.Line, Column: f.Col, Hint: f.Hint, Warning: f.Warning, Text: f.Render()})
	}
	for _, problem := range also {
		e.Faults = append(e.Faults, control.Fault{Message: problem, Warning: true, Text: "warning: " + problem})
	}
	return e
}

// Notify implements [control.Service].
func (s *service) Notify(ctx context.Context, name string) (control.Notified, error) {
	if s.l.tells == nil {
		return control.Notified{}, control.Errorf(control.NotFound, "", "no target %q", name)
	}
	to, took, err := s.l.tells.Test(ctx, name)
	switch {
	case errors.Is(err, notify.ErrNoTarget):
		e := noTask(s.l.inForce.Load().Notify, name).(*control.Error)
		e.Message = "no [notify] target \"" + name + "\""
		return control.Notified{}, e
	case err != nil:
		return control.Notified{}, control.Errorf(control.Failed, "", "%s: %v", name, err)
	}
	return control.Notified{Target: name, To: to, Took: took.Seconds()}, nil
}

// Watch implements [control.Service].
func (s *service) Watch(ctx context.Context) (<-chan control.Message, error) {
	return s.l.hub.Watch(ctx), nil
}
