package control

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

// Door is where callers come in: a listener, and what decides who they are.
type Door struct {
	listener net.Listener
	remember func(net.Conn) any // what is known of who is at the other end, kept for the life of a connection
	who      atomic.Pointer[func(*http.Request, TokenOf, Owner) (Caller, error)]
	web      atomic.Pointer[Web] // nil of the socket
}

// TokenOf returns the task and the id of the run that a token is of, if it is
// of one under way. It must not tell by its duration how much of a token was
// right.
type TokenOf = func(token string) (task, run string, ok bool)

// Owner returns the user that a task runs as, "" if that is rota's; ok is false
// if there is no such task.
type Owner = func(task string) (user string, ok bool)

// Bounds of the connections of a door. One beyond is closed at once.
const (
	maxWeb  = 2048
	maxPeer = 128 // of each user at the socket, but root and rota's own
)

// OpenSocket listens at a unix socket that everybody on this machine may
// connect to: root, the user of this process and the members of group ("":
// none) may do everything, another user what [MayOwn] says with the tasks that
// run as them. A socket there that nobody answers at is replaced. If something
// does, that is a Conflict.
func OpenSocket(path, group string) (*Door, error) {
	gid, err := groupID(group)
	if err != nil {
		return nil, err
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, err
	}
	peers := &peers{self: uint32(os.Geteuid()), group: gid}
	d := &Door{listener: bounded(l, maxPeer, peers.bound), remember: peers.of}
	d.admit(peers.caller)
	return d, nil
}

// OpenWeb listens as w says. What is wrong with w is a Usage error.
func OpenWeb(w Web) (*Door, error) {
	config, err := w.check()
	if err != nil {
		return nil, err
	}
	var l net.Listener
	if path, ok := strings.CutPrefix(w.Listen, "unix:"); ok {
		l, err = listenUnix(path)
	} else {
		l, err = net.Listen("tcp", w.Listen)
	}
	if err != nil {
		return nil, Errorf(Failed, `[web] listen = "HOST:PORT" or "unix:/path"`, "cannot listen at %s: %v", w.Listen, err)
	}
	l = bounded(l, maxWeb, func(net.Conn) (string, bool) { return "", true })
	if config != nil {
		l = tls.NewListener(l, config)
	}
	d := &Door{listener: l, remember: func(net.Conn) any { return nil }}
	d.web.Store(&w)
	d.admit(w.caller)
	return d, nil
}

// Change lets others in from now on, without closing the door of the web. What
// listens elsewhere or has other certificates needs another door: a Conflict.
func (d *Door) Change(w Web) error {
	was := d.web.Load()
	if was == nil || w.Listen != was.Listen || w.Cert != was.Cert || w.Key != was.Key {
		return Errorf(Conflict, "", "%s is open with other settings; it must be closed first", d.Addr())
	}
	if _, err := w.check(); err != nil {
		return err
	}
	d.web.Store(&w)
	d.admit(w.caller)
	return nil
}

func (d *Door) admit(who func(*http.Request, TokenOf, Owner) (Caller, error)) { d.who.Store(&who) }

// Addr returns where the door is: "/run/rota/rota.sock",
// "http://127.0.0.1:8377".
func (d *Door) Addr() string {
	addr := d.listener.Addr()
	w := d.web.Load()
	switch {
	case addr.Network() == "unix":
		return addr.String()
	case w != nil && w.Cert != "":
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}

// Close closes a door that no server serves.
func (d *Door) Close() error { return d.listener.Close() }
