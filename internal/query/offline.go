package query

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
)

// Offline returns a Reader of the state directory that the last daemon left, for use
// while no daemon runs, and a Closer to call at the end.
func Offline(ctx context.Context, cfg *config.Config, dir string) (api.Reader, io.Closer, error) {
	if f, err := os.Open(filepath.Join(dir, "rota.db")); errors.Is(err, fs.ErrPermission) {
		return nil, nil, api.Errorf(api.Forbidden, "", "you may not read the state directory %s", dir)
	} else if err == nil {
		f.Close()
	}
	book, err := ledger.OpenRead(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		book, err = ledger.NewMemory(ledger.Options{}), nil // no daemon has run yet
	}
	if err != nil {
		return nil, nil, err
	}
	return readerOf(cfg, book, dir), book, nil
}

// FileOnly returns a Reader of a file without a state directory: as if the tasks had
// never run.
func FileOnly(cfg *config.Config) api.Reader {
	return readerOf(cfg, ledger.NewMemory(ledger.Options{}), "")
}

func readerOf(cfg *config.Config, book ledger.Reader, dir string) *Reader {
	return &Reader{Ledger: book, StateDir: dir, Config: func() *config.Config { return cfg }, Now: time.Now}
}
