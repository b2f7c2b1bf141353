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

// stateDirWatch checks the state directory and the socket of a running daemon, either of
// which may be removed.
type stateDirWatch struct {
	stateDir  string
	directory *os.File // the state directory at the start; kept open, so that no other directory gets its inode
	socket    string   // "": none
}

func newStateDirWatch(stateDir, socket string) (stateDirWatch, error) {
	directory, err := os.Open(stateDir)
	return stateDirWatch{stateDir, directory, socket}, err
}

// checkRemoved returns an error if the path no longer leads to the state directory that the daemon
// uses: what it writes would be lost, and another daemon could start beside it.
func (g stateDirWatch) checkRemoved() error {
	began, err := g.directory.Stat()
	if err != nil {
		return nil
	}
	now, err := os.Stat(g.stateDir)
	switch {
	case err == nil && os.SameFile(now, began):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil // it may exist, but cannot be checked
	}
	return fmt.Errorf("the state directory %s was removed while rota was running; restart rota", g.stateDir)
}

// socketMissing reports whether the socket was removed, so that no client can connect.
func (g stateDirWatch) socketMissing() bool {
	_, err := os.Lstat(g.socket)
	return g.socket != "" && errors.Is(err, fs.ErrNotExist)
}

// watchStateDir watches both until ctx ends: without the state directory the daemon ends, and it
// opens a socket again that was removed.
func (h *host) watchStateDir(ctx context.Context, g stateDirWatch, reopen func()) {
	dirs := func() []string {
		list := []string{filepath.Dir(g.stateDir)} // the directory itself changes all the time
		if dir := filepath.Dir(g.socket); g.socket != "" && dir != g.stateDir {
			list = append(list, dir)
		}
		return list
	}
	look := func() {
		switch err := g.checkRemoved(); {
		case err != nil:
			h.engine.Fail(err)
		case g.socketMissing():
			reopen()
		}
	}
	warn := func(error) {} // the watch is optional: the daemon works without it
	_ = config.Watch(ctx, dirs, nil, look, warn)
}
