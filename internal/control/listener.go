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

// Listener accepts connections, and decides who the callers are.
type Listener struct {
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
func OpenSocket(path, group string) (*Listener, error) {
	p, err := newPeers(group)
	if err != nil {
		return nil, err
	}
	at, err := listenUnix(path)
	if err != nil {
		return nil, err
	}
	return &Listener{listener: at, peers: p, closed: make(chan struct{})}, nil
}

func newPeers(group string) (*peers, error) {
	gid, err := groupID(group)
	return &peers{self: uint32(os.Geteuid()), group: gid}, err
}

// OpenWeb listens as w says. What is wrong with w is a Usage error.
func OpenWeb(w Web) (*Listener, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	l := &Listener{closed: make(chan struct{})}
	l.web.Store(&w)
	l.tls = &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return l.web.Load().TLS, nil },
		NextProtos:     []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		SessionTicketsDisabled: true, // a session that is taken up again shows no certificate
	}
	var err error
	if path, ok := strings.CutPrefix(w.Listen, "unix:"); ok {
		if l.peers, err = newPeers(w.Group); err != nil {
			return nil, err
		}
		l.listener, err = listenUnix(path)
	} else {
		l.listener, err = net.Listen("tcp", w.Listen)
	}
	if err != nil {
		return nil, api.Errorf(api.Failed, `[web] listen = "HOST:PORT" or "unix:/path"`, "cannot listen at %s: %v", w.Listen, err)
	}
	return l, nil
}

// Update puts other credentials and another certificate in force for requests to come.
// The listener stays open; another address needs another listener: a Conflict. Requests
// under way go on until [Server.Recheck].
func (l *Listener) Update(w Web) error {
	was := l.web.Load()
	if was == nil || w.Listen != was.Listen || w.Group != was.Group {
		return api.Errorf(api.Conflict, "", "%s is open with other settings; it must be closed first", l.Addr())
	}
	if err := w.check(); err != nil {
		return err
	}
	l.web.Store(&w)
	return nil
}

// caller tells who asks, and what they may do.
func (l *Listener) caller(r *http.Request, page bool, tokenOf TokenOf, owner Owner) (api.Caller, error) {
	if w := l.web.Load(); w != nil {
		return w.caller(r, page, l.peers, tokenOf, owner)
	}
	return l.peers.caller(r, tokenOf, owner)
}

// remember returns what is known of who is at the other end of a connection, for
// the life of it.
func (l *Listener) remember(c net.Conn) any {
	if l.peers == nil {
		return nil
	}
	return peerOf(c)
}

// Addr returns where it listens: "/run/rota/rota.sock",
// "http://127.0.0.1:8377".
func (l *Listener) Addr() string {
	addr := l.listener.Addr()
	w := l.web.Load()
	switch {
	case addr.Network() == "unix":
		return addr.String()
	case w != nil && w.TLS != nil:
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}

// Listens reports whether it is that of a [web] that listens there.
func (l *Listener) Listens(listen string) bool {
	w := l.web.Load()
	return w != nil && w.Listen == listen
}

// Close closes a listener that no server serves.
func (l *Listener) Close() error { return l.listener.Close() }

// Closed returns a channel that is closed when a server has closed it.
func (l *Listener) Closed() <-chan struct{} { return l.closed }
