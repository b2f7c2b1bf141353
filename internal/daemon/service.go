package daemon

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"rota/config"
	"rota/internal/api"
	"rota/internal/engine"
)

// service is the Service of a daemon: that of its engine, and the calls about the file.
type service struct {
	*engine.Service
	host *host
	file *file
}

var _ api.Service = (*service)(nil)

// Reload implements [api.Service].
func (s *service) Reload(ctx context.Context, plan bool) (api.Reloaded, error) {
	var changes config.Changes
	var problems []string // of access
	var err error
	cfg := s.host.engine.InForce()
	if plan {
		if cfg, changes, err = s.file.planReload(ctx); err == nil {
			problems = s.host.access.problems(cfg.Web)
		}
	} else if changes, problems, err = s.file.reloadAll(ctx, s.host, cmp.Or(api.Who(ctx), "somebody")); err == nil {
		cfg = s.host.engine.InForce()
	}
	if err != nil {
		return api.Reloaded{}, fileError(s.host.engine.InForce().Path, err, problems)
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

// fileError returns an error of the file in the form of the API, with further problems.
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

// Status implements [api.Service].
func (s *service) Status(ctx context.Context) (api.Status, error) {
	st, err := s.Service.Status(ctx)
	st.Differs = st.Differs || s.Differs(ctx)
	if problems := s.host.access.trouble.Load(); problems != nil {
		st.Trouble = append(st.Trouble, *problems...)
	}
	return st, err
}
