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

// Listener accepts connections and identifies the callers.
type Listener struct {
	listener net.Listener
	peers    *peers              // identifies the peers of a unix socket; nil over TCP
	web      atomic.Pointer[Web] // the settings of [web]; nil for the main socket
	tls      *tls.Config         // uses the certificate in force
	closed   chan struct{}       // closed when the server has closed the listener
}

// TokenOf returns the run in progress that a token belongs to. Its duration must not
// reveal how much of a wrong token was right.
type TokenOf = func(token string) (runner.Run, bool)

// Owner returns the user that a task runs as, "" if that is the user of rota; ok is
// false if the task does not exist.
type Owner = func(task string) (user string, ok bool)

// OpenSocket listens at a unix socket that every user of this machine may connect to.
// Root, the user of this process and the members of group ("": none) may do everything;
// another user has [api.MayOwn] over the tasks that run as this user. A socket at path
// without a listener is replaced; one with a listener is a Conflict.
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

// OpenWeb listens at w.Listen. If w is not valid, the error is a Usage error.
func OpenWeb(w Web) (*Listener, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	l := &Listener{closed: make(chan struct{})}
	l.web.Store(&w)
	l.tls = &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return l.web.Load().TLS, nil },
		NextProtos:     []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		SessionTicketsDisabled: true, // a resumed session would not show the certificate in force
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

// Update sets other credentials and another certificate for later requests. The listener
// stays open; a change of its address needs another listener, and is a Conflict. Requests
// in progress continue until [Server.Recheck].
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

// caller returns the caller of a request, with its rights.
func (l *Listener) caller(r *http.Request, page bool, tokenOf TokenOf, owner Owner) (api.Caller, error) {
	if w := l.web.Load(); w != nil {
		return w.caller(r, page, l.peers, tokenOf, owner)
	}
	return l.peers.caller(r, tokenOf, owner)
}

// remember returns the peer of a connection, to be kept as long as that is open; nil over
// TCP.
func (l *Listener) remember(c net.Conn) any {
	if l.peers == nil {
		return nil
	}
	return peerOf(c)
}

// Addr returns the address of the listener: "/run/rota/rota.sock",
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

// Listens reports whether l is the listener of [web] with the address listen.
func (l *Listener) Listens(listen string) bool {
	w := l.web.Load()
	return w != nil && w.Listen == listen
}

// Close closes a listener that is not in use by a server.
func (l *Listener) Close() error { return l.listener.Close() }

// Closed returns a channel that is closed when a server has closed it.
func (l *Listener) Closed() <-chan struct{} { return l.closed }
