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

// Offline returns a Reader for while no daemon runs, which reads what the last
// one left in a state directory, and what to close at the end.
func Offline(ctx context.Context, cfg *config.Config, dir string) (api.Reader, io.Closer, error) {
	if f, err := os.Open(filepath.Join(dir, "rota.db")); errors.Is(err, fs.ErrPermission) {
		return nil, nil, api.Errorf(api.Forbidden, "", "you may not read the state directory %s", dir)
	} else if err == nil {
		f.Close()
	}
	book, err := ledger.OpenRead(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		book, err = ledger.NewMemory(ledger.Options{}), nil // nothing ever happened
	}
	if err != nil {
		return nil, nil, err
	}
	return readerOf(cfg, book, dir), book, nil
}

// FileAlone returns what answers from a file whose state directory is another's: as if
// nothing had ever happened.
func FileAlone(cfg *config.Config) api.Reader {
	return readerOf(cfg, ledger.NewMemory(ledger.Options{}), "")
}

func readerOf(cfg *config.Config, book ledger.Reader, dir string) *Reader {
	return &Reader{Ledger: book, StateDir: dir, Config: func() *config.Config { return cfg }, Now: time.Now}
}
