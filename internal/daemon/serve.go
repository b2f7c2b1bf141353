package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/control"
)

// SocketPath is where a daemon answers whose file says these of socket and
// state_dir, "" if it says nothing: as the file says; in its state directory if that
// is one of its own, so that two daemons of one user do not meet; else where
// everybody looks.
func SocketPath(socket, stateDir string) string {
	if socket == "" && stateDir != "" {
		return filepath.Join(stateDir, "rota.sock")
	}
	return control.SocketPath(socket, config.DefaultStateDir())
}

// open opens the doors of a configuration, as soon as no child of a killed daemon
// holds them open.
func (l *loop) open(c *config.Config) ([]*control.Listener, error) {
	for until := time.Now().Add(lingering); ; <-time.After(10 * time.Millisecond) {
		doors, err := l.openDoors(c)
		taken := api.CodeOf(err) == api.Conflict || errors.Is(err, syscall.EADDRINUSE)
		if !taken || time.Now().After(until) {
			return doors, err
		}
	}
}

// openDoors opens the doors of a configuration. That nobody can ask is no reason
// not to run tasks, unless the file wants to be asked in a way that cannot be.
func (l *loop) openDoors(c *config.Config) ([]*control.Listener, error) {
	var doors []*control.Listener
	named := cmp.Or(l.o.Socket, c.Rota.Socket)
	path := SocketPath(named, c.Rota.StateDir)
	socket, err := l.openSocket(path, c.Rota.SocketGroup)
	switch {
	case err == nil:
		doors = append(doors, socket)
		l.vars = map[string]string{"ROTA_SOCKET": path}
	case named != "" || api.CodeOf(err) == api.Conflict:
		return nil, fmt.Errorf("%w; set socket in [rota] of %s", err, c.Path)
	default:
		l.log.Error("no control socket; set socket in [rota]", "error", err)
	}
	if err := l.access.open(c.Web); err != nil {
		closeAll(doors)
		return nil, err
	}
	return doors, nil
}

// openSocket opens the socket on this machine.
func (l *loop) openSocket(path, group string) (*control.Listener, error) {
	if err := l.o.makeSocketDir(path); err != nil {
		return nil, err
	}
	return control.OpenSocket(path, group)
}

func closeAll(doors []*control.Listener) {
	for _, d := range doors {
		d.Close()
	}
}

// owner tells as which user a task runs.
func (l *loop) owner(task string) (string, bool) {
	t, ok := l.inForce.Load().Tasks[task]
	return t.User, ok
}

// serve answers at the doors until ctx ends. A socket that somebody removes is
// opened again.
func (l *loop) serve(ctx context.Context, s api.Service, tokens runTokens, doors []*control.Listener, g ground) {
	server := control.NewServer(control.Options{Service: s, Owner: l.owner, TokenOf: l.tokenOf(tokens), Log: l.log})
	l.server.Store(server)
	var wg sync.WaitGroup
	serve := func(d *control.Listener) context.CancelCauseFunc {
		ctx, end := context.WithCancelCause(ctx)
		wg.Go(func() {
			defer end(nil)
			if err := server.Serve(ctx, d); err != nil {
				l.log.Error("cannot answer any more", "at", d.Addr(), "error", err)
			}
		})
		return end
	}
	for _, d := range doors {
		serve(d)
	}
	l.access.begin(serve)
	wg.Go(func() {
		<-ctx.Done()
		l.access.stop()
	})
	wg.Go(func() {
		l.guard(ctx, g, func() {
			door, err := l.openSocket(g.socket, l.first.Rota.SocketGroup)
			if err != nil {
				l.log.Error("the socket was removed and cannot be made again", "error", err)
				return
			}
			l.log.Warn("the socket was removed: made again", "socket", g.socket)
			serve(door)
		})
	})
	wg.Wait()
}

// updateWebAccess puts in force what [web] says and the files that it names, and ends
// what is under way of those who have lost the right to it. It returns what is not
// in force.
func (l *loop) updateWebAccess(c *config.Config) []string {
	problems := l.access.update(c.Web)
	for _, p := range problems {
		l.log.Error("access: " + p)
	}
	if s := l.server.Load(); s != nil {
		s.Recheck()
	}
	return problems
}

// endLease forgets that an attempt is under way, and ends what is under way by its
// token.
func (l *loop) endLease(run string) {
	l.leases.Delete(run)
	if s := l.server.Load(); s != nil {
		s.RunEnded(run)
	}
}
