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
	"rota/internal/page"
)

// SocketPath returns the path of the socket of a daemon, given socket and state_dir of its
// file, each "" if not set: the configured path; else a path in the state directory if that
// is configured, so that two daemons of one user do not conflict; else the default.
func SocketPath(socket, stateDir string) string {
	if socket == "" && stateDir != "" {
		return filepath.Join(stateDir, "rota.sock")
	}
	return control.SocketPath(socket, config.DefaultStateDir())
}

// openWhenFree opens the listeners of a configuration, as soon as no child of a killed daemon
// holds them open.
func (h *host) openWhenFree(c *config.Config) ([]*control.Listener, error) {
	for until := time.Now().Add(childLinger); ; <-time.After(10 * time.Millisecond) {
		listeners, err := h.openListeners(c)
		taken := api.CodeOf(err) == api.Conflict || errors.Is(err, syscall.EADDRINUSE)
		if !taken || time.Now().After(until) {
			return listeners, err
		}
	}
}

// openListeners opens the listeners of a configuration. Tasks can run without a socket, so
// it is only logged if the default one cannot be opened, unless another daemon uses it. For
// a configured listener that is an error.
func (h *host) openListeners(c *config.Config) ([]*control.Listener, error) {
	var listeners []*control.Listener
	named := cmp.Or(h.options.Socket, c.Rota.Socket)
	path := SocketPath(named, c.Rota.StateDir)
	socket, err := h.openSocket(path, c.Rota.SocketGroup)
	switch {
	case err == nil:
		listeners = append(listeners, socket)
		h.socket = path
	case named != "" || api.CodeOf(err) == api.Conflict:
		return nil, fmt.Errorf("%w; set socket in [rota] of %s", err, c.Path)
	default:
		h.log.Error("no control socket; set socket in [rota]", "error", err)
	}
	if err := h.access.open(c.Web); err != nil {
		closeAll(listeners)
		return nil, err
	}
	return listeners, nil
}

// openSocket opens the socket on this machine.
func (h *host) openSocket(path, group string) (*control.Listener, error) {
	if err := h.options.makeSocketDir(path); err != nil {
		return nil, err
	}
	return control.OpenSocket(path, group)
}

func closeAll(listeners []*control.Listener) {
	for _, d := range listeners {
		d.Close()
	}
}

// serve answers at the listeners until ctx ends. It opens a socket again that was removed.
func (h *host) serve(ctx context.Context, s api.Service, g stateDirWatch) {
	server := control.NewServer(control.Options{Service: s, Owner: h.engine.Owner, TokenOf: h.tokenOf(h.tokens), Alive: h.engine.Alive, Ready: h.engine.Ready, Page: page.New(page.Options{Log: h.log}).Serve, Log: h.log})
	h.server.Store(server)
	var wg sync.WaitGroup
	serve := func(d *control.Listener) context.CancelCauseFunc {
		ctx, end := context.WithCancelCause(ctx)
		wg.Go(func() {
			defer end(nil)
			if err := server.Serve(ctx, d); err != nil {
				h.log.Error("a listener failed", "at", d.Addr(), "error", err)
			}
		})
		return end
	}
	for _, d := range h.listeners {
		serve(d)
	}
	h.access.startServing(serve)
	wg.Go(func() {
		<-ctx.Done()
		h.access.stop()
	})
	wg.Go(func() {
		h.watchStateDir(ctx, g, func() {
			listener, err := h.openSocket(g.socket, h.socketGroup)
			if err != nil {
				h.log.Error("the socket was removed and cannot be created again", "error", err)
				return
			}
			h.log.Warn("the socket was removed; created it again", "socket", g.socket)
			serve(listener)
		})
	})
	wg.Wait()
}

// updateWebAccess puts [web] and the files that it names in force, and ends the requests of
// clients that have lost the right to them. It returns the problems.
func (h *host) updateWebAccess(c *config.Config) []string {
	problems := h.access.update(c.Web)
	for _, p := range problems {
		h.log.Error("access: " + p)
	}
	if s := h.server.Load(); s != nil {
		s.Recheck()
	}
	return problems
}

// endTokenRequests ends the requests made with the token of a run whose attempt has ended.
func (h *host) endTokenRequests(run string) {
	if s := h.server.Load(); s != nil {
		s.RunEnded(run)
	}
}
