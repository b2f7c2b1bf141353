package daemon

import (
	"context"
	"time"

	"rota/internal/control"
)

// Why implements [control.Reader].
func (r *reader) Why(ctx context.Context, task string, at time.Time) (control.Why, error) {
	return control.Why{}, r.known(ctx, task)
}
