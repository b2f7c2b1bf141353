package api

import (
	"cmp"
	"context"

	"rota/runner"
)

type (
	whoKey    struct{}
	callerKey struct{}
)

// As returns a context with the name of the caller: a user's name, "token ci",
// "run backup/20261122T023000Z".
func As(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, whoKey{}, who)
}

// Who returns the name of the caller; "": not given.
func Who(ctx context.Context) string {
	who, _ := ctx.Value(whoKey{}).(string)
	return who
}

// AsCaller returns a context with a caller. In a context without one, the caller is rota
// itself, or the user who runs it.
func AsCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(As(ctx, c.Who), callerKey{}, c)
}

// Bounded returns the account under which limits count the calls of the caller of a context;
// false: no limits apply, as the caller may do everything.
func Bounded(ctx context.Context) (account string, bounded bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	if !ok || c.OverAll() == MayControl {
		return "", false
	}
	return cmp.Or(c.Account, c.Who), true
}

// Binds reports whether a hold by the caller of a context binds the user that the task runs
// as: it does if the caller has MayControl over the task, other than as a run of it.
func Binds(ctx context.Context, task string) bool {
	c, ok := ctx.Value(callerKey{}).(Caller)
	if !ok {
		return true
	}
	return c.Most(func(g Grant) bool { return !g.OfRun && (g.Tasks == nil || g.Tasks(task)) }) == MayControl
}

// WithAllVisible returns a context in which everything is visible, for an answer that
// several callers share.
func WithAllVisible(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, nil)
}

// SeesTask reports whether the caller of a context may see a task.
func SeesTask(ctx context.Context, task string) bool {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return !ok || c.Over(task) != ""
}

// SeesAll reports whether the caller of a context may see rota as a whole.
func SeesAll(ctx context.Context) bool {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return !ok || c.OverAll() != ""
}

// SeesRun reports whether the caller of a context may see a run.
func SeesRun(ctx context.Context, r runner.Run) bool {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return !ok || c.OverRun(RunOf(r)) != ""
}
