package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rota/config"
)

// ground is what a daemon stands on: somebody may take it away.
type ground struct {
	stateDir  string
	directory *os.File // the state directory that it began with; open, so that no other gets its number
	socket    string   // "": there is none
}

func newGround(stateDir, socket string) (ground, error) {
	directory, err := os.Open(stateDir)
	return ground{stateDir, directory, socket}, err
}

// gone tells that the state directory is not the one any more that the daemon writes
// to: what it would write is nowhere, and another daemon could start beside it.
func (g ground) gone() error {
	began, err := g.directory.Stat()
	if err != nil {
		return nil
	}
	now, err := os.Stat(g.stateDir)
	switch {
	case err == nil && os.SameFile(now, began):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil // it may be there: it cannot be seen
	}
	return fmt.Errorf("the state directory %s was removed while rota was running; restart rota", g.stateDir)
}

// deaf reports whether nobody can find the socket any more.
func (g ground) deaf() bool {
	_, err := os.Lstat(g.socket)
	return g.socket != "" && errors.Is(err, fs.ErrNotExist)
}

// guard watches the ground until ctx ends: without the state directory the daemon
// ends, and a socket that was removed is made again.
func (h *host) guard(ctx context.Context, g ground, reopen func()) {
	dirs := func() []string {
		list := []string{filepath.Dir(g.stateDir)} // in the directory itself something is written all the time
		if dir := filepath.Dir(g.socket); g.socket != "" && dir != g.stateDir {
			list = append(list, dir)
		}
		return list
	}
	look := func() {
		switch err := g.gone(); {
		case err != nil:
			h.engine.Fail(err)
		case g.deaf():
			reopen()
		}
	}
	warn := func(error) {} // it is not needed for anything else
	_ = config.Watch(ctx, dirs, nil, look, warn)
}
