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

// stateDirWatch is what a running daemon needs of the file system: its state directory
// and its socket. Either may be removed.
type stateDirWatch struct {
	stateDir  string
	directory *os.File // the state directory that it began with; open, so that no other gets its number
	socket    string   // "": there is none
}

func newStateDirWatch(stateDir, socket string) (stateDirWatch, error) {
	directory, err := os.Open(stateDir)
	return stateDirWatch{stateDir, directory, socket}, err
}

// removed returns an error if the state directory is not the one any more that the daemon writes
// to: what it would write is nowhere, and another daemon could start beside it.
func (g stateDirWatch) removed() error {
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

// socketMissing reports whether the socket was removed, so that no client can connect.
func (g stateDirWatch) socketMissing() bool {
	_, err := os.Lstat(g.socket)
	return g.socket != "" && errors.Is(err, fs.ErrNotExist)
}

// guard watches both until ctx ends: without the state directory the daemon
// ends, and a socket that was removed is made again.
func (h *host) guard(ctx context.Context, g stateDirWatch, reopen func()) {
	dirs := func() []string {
		list := []string{filepath.Dir(g.stateDir)} // in the directory itself something is written all the time
		if dir := filepath.Dir(g.socket); g.socket != "" && dir != g.stateDir {
			list = append(list, dir)
		}
		return list
	}
	look := func() {
		switch err := g.removed(); {
		case err != nil:
			h.engine.Fail(err)
		case g.socketMissing():
			reopen()
		}
	}
	warn := func(error) {} // it is not needed for anything else
	_ = config.Watch(ctx, dirs, nil, look, warn)
}
