package control

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"rota/internal/api"
	"rota/runner"
)

// Door is where callers come in: a listener, and what decides who they are.
type Door struct {
	listener net.Listener
	peers    *peers              // who is at the other end of a unix socket; nil over TCP
	web      atomic.Pointer[Web] // as [web] says it; nil of the main socket
	tls      *tls.Config         // with the certificate in force
	closed   chan struct{}       // by the server
}

// TokenOf returns the run that a token is of, if it is of one under way. It must
// not tell by its duration how much of a token was right.
type TokenOf = func(token string) (runner.Run, bool)

// Owner returns the user that a task runs as, "" if that is rota's; ok is false
// if there is no such task.
type Owner = func(task string) (user string, ok bool)

// OpenSocket listens at a unix socket that everybody on this machine may
// connect to: root, the user of this process and the members of group ("":
// none) may do everything, another user what [MayOwn] says with the tasks that
// run as them. A socket there that nobody answers at is replaced. If something
// does, that is a Conflict.
func OpenSocket(path, group string) (*Door, error) {
	p, err := newPeers(group)
	if err != nil {
		return nil, err
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, err
	}
	return &Door{listener: l, peers: p, closed: make(chan struct{})}, nil
}

func newPeers(group string) (*peers, error) {
	gid, err := groupID(group)
	return &peers{self: uint32(os.Geteuid()), group: gid}, err
}

// OpenWeb listens as w says. What is wrong with w is a Usage error.
func OpenWeb(w Web) (*Door, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	d := &Door{closed: make(chan struct{})}
	d.web.Store(&w)
	d.tls = &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return d.web.Load().TLS, nil },
		NextProtos:     []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		SessionTicketsDisabled: true, // a session that is taken up again shows no certificate
	}
	var err error
	if path, ok := strings.CutPrefix(w.Listen, "unix:"); ok {
		if d.peers, err = newPeers(w.Group); err != nil {
			return nil, err
		}
		d.listener, err = listenUnix(path)
	} else {
		d.listener, err = net.Listen("tcp", w.Listen)
	}
	if err != nil {
		return nil, api.Errorf(api.Failed, `[web] listen = "HOST:PORT" or "unix:/path"`, "cannot listen at %s: %v", w.Listen, err)
	}
	return d, nil
}

// Change lets others in from now on, and shows another certificate, without
// closing the door of the web. What listens elsewhere needs another door: a
// Conflict. Who is inside stays until [Server.Recheck].
func (d *Door) Change(w Web) error {
	was := d.web.Load()
	if was == nil || w.Listen != was.Listen || w.Group != was.Group {
		return api.Errorf(api.Conflict, "", "%s is open with other settings; it must be closed first", d.Addr())
	}
	if err := w.check(); err != nil {
		return err
	}
	d.web.Store(&w)
	return nil
}

// caller tells who asks, and what they may do.
func (d *Door) caller(r *http.Request, tokenOf TokenOf, owner Owner) (api.Caller, error) {
	if w := d.web.Load(); w != nil {
		return w.caller(r, d.peers, tokenOf, owner)
	}
	return d.peers.caller(r, tokenOf, owner)
}

// remember returns what is known of who is at the other end of a connection, for
// the life of it.
func (d *Door) remember(c net.Conn) any {
	if d.peers == nil {
		return nil
	}
	return peerOf(c)
}

// Addr returns where the door is: "/run/rota/rota.sock",
// "http://127.0.0.1:8377".
func (d *Door) Addr() string {
	addr := d.listener.Addr()
	w := d.web.Load()
	switch {
	case addr.Network() == "unix":
		return addr.String()
	case w != nil && w.TLS != nil:
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}

// Listens reports whether the door is that of a web that listens there.
func (d *Door) Listens(listen string) bool {
	w := d.web.Load()
	return w != nil && w.Listen == listen
}

// Close closes a door that no server serves.
func (d *Door) Close() error { return d.listener.Close() }

// Closed returns a channel that is closed when a server has closed the door.
func (d *Door) Closed() <-chan struct{} { return d.closed }
