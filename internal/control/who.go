package control

import "context"

type whoKey struct{}

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
