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

// Options are the parts and settings of a server.
type Options struct {
	Service api.Service
	Owner   Owner
	TokenOf TokenOf
	Page    Page                        // nil: no page
	Alive   func(context.Context) error // returns why rota does not work at all, for /healthz; nil: never
	Ready   func(context.Context) error // returns why rota cannot start runs, for /readyz; nil: never
	Log     *slog.Logger                // for faults of the server itself; nil: none
}

// Server serves a Service over HTTP: /v1/… with the JSON that --json prints.
type Server struct {
	options       Options
	service       *limited
	routes        *http.ServeMux
	open          *connections
	streams       streams
	active        activeRequests
	alive         probe
	ready         probe
	loginAttempts loginAttempts // attempts to sign in
	large         semaphore     // for answers with very many rows
	loginDelay    time.Duration // before the answer to a wrong token
	head          time.Duration // the time limit for the head of a request
}

// The limits of a request, and of a server as a whole.
const (
	maxHeader       = 64 << 10
	maxBody         = 1 << 20          // except the input of a run, which its task limits
	headerTimeout   = 10 * time.Second // to send the head of a request
	bodyTimeout     = time.Minute      // to send its JSON
	inputTimeout    = 10 * time.Minute // from one piece of input to the next
	answerTimeout   = time.Minute      // to receive an answer, except outputs and results
	idleTimeout     = 2 * time.Minute
	loginDelay      = 250 * time.Millisecond
	largeRows       = 1000            // from which an answer is large
	maxLargeAnswers = 2               // large answers, as each is in memory until the client has received it
	shutdownTimeout = 2 * time.Second // for the last answers when the server ends
	keepAlive       = 15 * time.Second
	messageTimeout  = 10 * time.Second // to receive a message of an event stream
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
	s := &Server{options: o, service: newLimited(o.Service), large: make(semaphore, maxLargeAnswers), open: newConnections(descriptors()), loginDelay: loginDelay, head: headerTimeout}
	s.alive.check, s.ready.check = o.Alive, o.Ready
	s.routes = s.mux()
	return s
}

// Serve answers requests at a listener until ctx ends, and closes it. Requests in progress
// then, such as waits and streams, end with the cause of ctx if that is an [*api.Error],
// else with the error that the daemon ends. A server may serve several listeners.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	base, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	h := &http.Server{
		Handler:           s.authenticate(l),
		ReadHeaderTimeout: s.head,
		IdleTimeout:       idleTimeout,
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
	cause := errStopping
	errors.As(context.Cause(ctx), &cause)
	end(cause)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if h.Shutdown(last) != nil {
		h.Close()
	}
	<-done
	return nil
}

// Recheck checks the rights of all requests in progress again, and ends those whose
// callers have lost them. Call it after each change of rights.
func (s *Server) Recheck() { s.active.recheck() }

// RunEnded ends the requests made with the token of a run whose attempt has ended.
func (s *Server) RunEnded(run string) { s.active.drop(runCredential(run)) }

// connKey is the context key of the peer of a connection.
type connKey struct{}

// errStopping ends the requests in progress when the server ends.
var errStopping = api.Errorf(api.NotNow, "", "rota is ending")
