package daemon

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
)

// Offline returns a Reader for while no daemon runs, which reads what the last
// one left, and what to close at the end.
func Offline(ctx context.Context, cfg *config.Config) (api.Reader, io.Closer, error) {
	dir := StateDir(cfg)
	book, err := ledger.OpenRead(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		book, err = ledger.NewMemory(ledger.Options{}), nil // nothing ever happened
	}
	if err != nil {
		return nil, nil, err
	}
	return &reader{book: book, stateDir: dir, config: func() *config.Config { return cfg }, now: time.Now}, book, nil
}
