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

// As returns a context in which who acts: a user's name, "token ci",
// "run backup/20261122T023000Z".
func As(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, whoKey{}, who)
}

// Who returns who acts; "" if nobody said.
func Who(ctx context.Context) string {
	who, _ := ctx.Value(whoKey{}).(string)
	return who
}

// AsCaller returns a context in which a caller acts. In one without a caller rota
// itself does, or who runs it.
func AsCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(As(ctx, c.Who), callerKey{}, c)
}

// Bounded returns the account to which what the caller of a context asks for and
// does is counted; false: it is not, for they may do everything with rota.
func Bounded(ctx context.Context) (account string, bounded bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	if !ok || c.OverAll() == MayControl {
		return "", false
	}
	return cmp.Or(c.Account, c.Who), true
}

// Binds reports whether what the caller of a context says of a task binds the user
// whose task it is: so it does if they may control the task by themselves, and not as
// a run of it.
func Binds(ctx context.Context, task string) bool {
	c, ok := ctx.Value(callerKey{}).(Caller)
	if !ok {
		return true
	}
	return c.Most(func(g Grant) bool { return !g.OfRun && (g.Tasks == nil || g.Tasks(task)) }) == MayControl
}

// WithAllVisible returns a context in which all is there, for an answer that is
// shared.
func WithAllVisible(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, nil)
}

// SeesTask reports whether a task is there for the caller of a context.
func SeesTask(ctx context.Context, task string) bool {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return !ok || c.Over(task) != ""
}

// SeesAll reports whether rota as a whole is there for the caller of a context.
func SeesAll(ctx context.Context) bool {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return !ok || c.OverAll() != ""
}

// SeesRun reports whether a run is there for the caller of a context.
func SeesRun(ctx context.Context, r runner.Run) bool {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return !ok || c.OverRun(RunOf(r)) != ""
}
