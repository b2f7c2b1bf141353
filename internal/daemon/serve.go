package daemon

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"rota/config"
	"rota/internal/control"
)

// SocketPath is where a daemon answers whose file says these of socket and
// state_dir, "" if it says nothing: as the file says; in its state folder if that
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
func (l *loop) open(c *config.Config) ([]*control.Door, error) {
	for until := time.Now().Add(lingering); ; <-time.After(10 * time.Millisecond) {
		doors, err := l.openDoors(c)
		taken := control.CodeOf(err) == control.Conflict || errors.Is(err, syscall.EADDRINUSE)
		if !taken || time.Now().After(until) {
			return doors, err
		}
	}
}

// openDoors opens the doors of a configuration. That nobody can ask is no reason
// not to run tasks, unless the file wants to be asked in a way that cannot be.
func (l *loop) openDoors(c *config.Config) ([]*control.Door, error) {
	var doors []*control.Door
	named := cmp.Or(l.o.Socket, c.Rota.Socket)
	path := SocketPath(named, c.Rota.StateDir)
	socket, err := l.openSocket(path, c.Rota.SocketGroup)
	switch {
	case err == nil:
		doors = append(doors, socket)
		l.vars = map[string]string{"ROTA_SOCKET": path}
	case named != "" || control.CodeOf(err) == control.Conflict:
		return nil, fmt.Errorf("%w; set socket in [rota] of %s", err, c.Path)
	default:
		l.log.Error("nobody can ask this rota anything; set socket in [rota]", "error", err)
	}
	if c.Web.Listen == "" {
		return doors, nil
	}
	w, err := webOf(c.Web)
	if path, ok := strings.CutPrefix(w.Listen, "unix:"); ok && err == nil {
		err = l.o.makeSocketDir(path)
	}
	if err == nil {
		var web *control.Door
		if web, err = control.OpenWeb(w); err == nil {
			l.log.Info("listening", "web", web.Addr())
			l.web = web
			return append(doors, web), nil
		}
	}
	closeAll(doors)
	return nil, err
}

// openSocket opens the socket on this machine.
func (l *loop) openSocket(path, group string) (*control.Door, error) {
	if err := l.o.makeSocketDir(path); err != nil {
		return nil, err
	}
	return control.OpenSocket(path, group)
}

// rehang lets others in at the door of the web, as a file says that comes into
// force. The door itself stays where it is.
func (l *loop) rehang(was, is config.Web) {
	if reflect.DeepEqual(was, is) {
		return
	}
	if l.web == nil || is.Listen == "" {
		l.log.Warn("[web] changed: that needs a restart")
		return
	}
	w, err := webOf(is)
	if err == nil {
		err = l.web.Change(w)
	}
	if err != nil {
		l.log.Warn("[web] changed: that needs a restart", "why", err)
	}
}

func closeAll(doors []*control.Door) {
	for _, d := range doors {
		d.Close()
	}
}

// webOf reads the secrets of [web].
func webOf(w config.Web) (control.Web, error) {
	out := control.Web{Listen: w.Listen, Actions: len(w.Tokens) > 0, Hosts: w.Hosts, Cert: w.TLSCert, Key: w.TLSKey}
	for _, name := range slices.Sorted(maps.Keys(w.Tokens)) {
		t := w.Tokens[name]
		info, err := os.Stat(t.File)
		if err != nil {
			return out, fmt.Errorf("token %q: %w", name, err)
		}
		if info.Mode()&0o007 != 0 {
			return out, fmt.Errorf("token %q: everybody can read %s; type: chmod o= %s", name, t.File, t.File)
		}
		value, err := os.ReadFile(t.File)
		if err != nil {
			return out, fmt.Errorf("token %q: %w", name, err)
		}
		out.Tokens = append(out.Tokens, control.Token{Name: name, Value: string(bytes.TrimSpace(value)), May: control.Scope(t.May), Tasks: t.Tasks})
	}
	return out, nil
}

// owner tells as which user a task runs.
func (l *loop) owner(task string) (string, bool) {
	t, ok := l.inForce.Load().Tasks[task]
	return t.User, ok
}

// serve answers at the doors until ctx ends. A socket that somebody removes is
// opened again.
func (l *loop) serve(ctx context.Context, s control.Service, tokens runTokens, doors []*control.Door, g ground) {
	server := control.NewServer(control.Options{Service: s, Owner: l.owner, TokenOf: l.tokenOf(tokens), Log: l.log})
	var wg sync.WaitGroup
	serve := func(d *control.Door) {
		wg.Go(func() {
			if err := server.Serve(ctx, d); err != nil {
				l.log.Error("cannot answer any more", "at", d.Addr(), "error", err)
			}
		})
	}
	for _, d := range doors {
		serve(d)
	}
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
