package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// Options are what a server needs to know.
type Options struct {
	Service api.Service
	Owner   Owner
	TokenOf TokenOf
	Page    Page                        // nil: there is none
	Alive   func(context.Context) error // what keeps rota from working at all, for /healthz; nil: nothing does
	Ready   func(context.Context) error // and what keeps it from starting runs, for /readyz
	Log     *slog.Logger                // of what is wrong with the server itself; nil: nowhere
}

// Server shows a Service over HTTP: /v1/… with the JSON that --json prints.
type Server struct {
	options    Options
	service    *limited
	routes     *http.ServeMux
	open       *connections
	streams    streams
	active     activeRequests
	alive      probe
	ready      probe
	tries      tries         // to sign in
	large      semaphore     // of answers with very many rows
	loginDelay time.Duration // before the answer to a wrong token
	head       time.Duration // how long the head of a request may
}

// The bounds of a request, and of a server as a whole.
const (
	maxHeader   = 64 << 10
	maxBody     = 1 << 20          // but for the input of a run, which its task bounds
	headTime    = 10 * time.Second // to send the head of a request
	bodyTime    = time.Minute      // and its JSON
	inputTime   = 10 * time.Minute // from one piece of input to the next
	answerTime  = time.Minute      // to take an answer in, other than output and results
	idleTime    = 2 * time.Minute
	loginDelay  = 250 * time.Millisecond
	manyRows    = 1000            // of an answer that is a large one
	largeAtOnce = 2               // of those, as each is in memory as a whole until it is taken in
	farewell    = 2 * time.Second // for the last answers when a server ends
	keepAlive   = 15 * time.Second
	messageTime = 10 * time.Second // to take a piece of an event stream in
)

// NewServer returns a server, which serves once [Server.Serve] is called.
func NewServer(o Options) *Server {
	if o.Owner == nil {
		o.Owner = func(string) (string, bool) { return "", false }
	}
	if o.TokenOf == nil {
		o.TokenOf = func(string) (runner.Run, bool) { return runner.Run{}, false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{options: o, service: newLimited(o.Service), large: make(semaphore, largeAtOnce), open: newConnections(descriptors()), loginDelay: loginDelay, head: headTime}
	s.alive.check, s.ready.check = o.Alive, o.Ready
	s.routes = s.mux()
	return s
}

// Serve answers at a listener until ctx ends, and closes it. What is under way then
// is told why, by the cause of ctx if that is an [*Error], else that the daemon
// ends: waits, streams and output that is followed. A server may serve at several
// listeners.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	base, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	h := &http.Server{
		Handler:           s.authenticate(l),
		ReadHeaderTimeout: s.head,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		Protocols:         &protocols,
		ErrorLog:          slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, l.remember(c))
		},
	}
	done := make(chan error, 1)
	go func() { done <- h.Serve(&countedListener{Listener: l.listener, from: l, all: s.open}) }()
	select {
	case err := <-done:
		return errors.Join(err, h.Close())
	case <-ctx.Done():
	}
	cause := errEnding
	errors.As(context.Cause(ctx), &cause)
	end(cause)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if h.Shutdown(last) != nil {
		h.Close()
	}
	<-done
	return nil
}

// Recheck looks again at the rights of all whose requests are under way, and ends
// those that have lost them. It is called after a change of who may do what.
func (s *Server) Recheck() { s.active.recheck() }

// RunEnded ends what is under way by the token of an attempt that has ended.
func (s *Server) RunEnded(run string) { s.active.drop(runCredential(run)) }

// connKey is the key of what a listener remembers of a connection.
type connKey struct{}

// errEnding ends what is under way when a server ends.
var errEnding = api.Errorf(api.NotNow, "", "rota is ending")
