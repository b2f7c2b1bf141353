package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rota/internal/api"
)

// Endpoint is a call of the Service over HTTP. In is the request, Out the answer. An
// endpoint checks no rights: the Service that it calls is the guard.
type Endpoint[In, Out any] struct {
	Method string
	Path   string // with {task} or {run}: see runPaths
	Call   func(ctx context.Context, s api.Service, in In) (Out, error)

	Large   func(in In) bool            // reports whether the answer may have very many rows; few of those are made at a time; nil: never
	Slow    bool                        // the answer waits for a run: the client sets no time limit
	Partial bool                        // with an error, Out holds what was done before it
	Read    func(c call) (In, error)    // nil: the address or, if In has no field there, JSON
	Send    func(c call, out Out) error // nil: JSON
}

// route is an Endpoint with any types.
type route interface {
	address() (method, path string)
	serve(c call)
}

// routes lists all endpoints.
var routes []route

// endpoint adds an endpoint to routes.
func endpoint[In, Out any](e Endpoint[In, Out]) *Endpoint[In, Out] {
	routes = append(routes, &e)
	return &e
}

func (e *Endpoint[In, Out]) address() (method, path string) { return e.Method, e.Path }

// call is a request, with the guard of its caller.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	s      *guard
	server *Server
}

// serve reads a request, calls the Service and sends the answer.
func (e *Endpoint[In, Out]) serve(c call) {
	if e.Read != nil { // Read may have set a deadline for reading the input
		defer http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	}
	in, err := e.read(c)
	if err != nil {
		fail(c.w, err)
		return
	}
	if e.Large != nil && e.Large(in) {
		release, err := c.server.large.acquire(c.r.Context())
		if err != nil {
			fail(c.w, err)
			return
		}
		defer release() // after the answer is sent: until then it is in memory
	}
	out, err := e.Call(c.r.Context(), c.s, in)
	if errors.Is(err, context.Canceled) {
		err = cmp.Or(context.Cause(c.r.Context()), err) // why the request was ended
	}
	switch {
	case err != nil && e.Partial:
		failPartly(c.w, err, out)
	case err != nil:
		fail(c.w, err)
	case e.Send != nil:
		if err := e.Send(c, out); err != nil {
			fail(c.w, err)
		}
	default:
		text, status := c.server.encode(out)
		send(c.w, status, text) // outside the slot, so that a slow client blocks no other
	}
}

func (e *Endpoint[In, Out]) read(c call) (in In, err error) {
	switch {
	case e.Read != nil:
		return e.Read(c)
	case inAddress[In](e.Method):
		err = readAddress(c.r, &in)
	default:
		if err = readAddress(c.r, &struct{}{}); err == nil {
			err = c.body(&in)
		}
	}
	return in, err
}

// ask calls an endpoint of a server. If the endpoint is Partial, out holds what was done
// before an error.
func ask[In, Out any](ctx context.Context, c *Client, e *Endpoint[In, Out], in In) (out Out, err error) {
	wait := ctx
	if e.Method == http.MethodGet && !e.Slow {
		limited, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		wait = limited
	}
	path, q, body, err := e.write(in)
	if err != nil {
		return out, err
	}
	kind := ""
	if body != nil {
		kind = "application/json"
	}
	err = c.roundTrip(wait, e.Method, path, q, kind, body, &out)
	if wait.Err() != nil && ctx.Err() == nil {
		err = api.Errorf(api.NoDaemon, "is the daemon stopped, or its machine overloaded?", "no answer from %s within %v", c.at, readTimeout)
	}
	return out, err
}

// open calls an endpoint whose answer is a stream.
func open[In, Out any](ctx context.Context, c *Client, e *Endpoint[In, Out], in In) (io.ReadCloser, error) {
	path, q, _, err := e.write(in)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, e.Method, path, q, "", nil, nil)
}

// write returns the address and the body for in; body is nil if the address holds all of it.
func (e *Endpoint[In, Out]) write(in In) (path string, q url.Values, body io.Reader, err error) {
	if inAddress[In](e.Method) {
		path, q, err = writeAddress(e.Path, &in)
		return path, q, nil, err
	}
	text, err := json.Marshal(in)
	if err != nil {
		return "", nil, nil, api.Errorf(api.Usage, "", "%v", err)
	}
	return e.Path, nil, bytes.NewReader(text), nil
}

// mux returns the handler that dispatches requests to the endpoints.
func (s *Server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, e := range routes {
		method, template := e.address()
		for _, path := range runPaths(template) {
			mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
				e.serve(call{w, r, r.Context().Value(guardKey{}).(*guard), s})
			})
			methods[path] = append(methods[path], method)
		}
	}
	for path, can := range methods {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(can, ", "))
			err := api.Errorf(api.Usage, "use "+strings.Join(can, " or "), "%q does not allow the method %s", shorten(r.URL.Path), r.Method)
			answer(w, http.StatusMethodNotAllowed, refusal{err})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, api.Errorf(api.NotFound, "", "there is nothing at %q", shorten(r.URL.Path)))
	})
	return mux
}

// guardKey is the context key of the guard of a request.
type guardKey struct{}

// encode returns a value as JSON. It uses one of the limited slots. It waits for a slot
// even when the server ends, as each slot is freed after a bounded time.
func (s *Server) encode(v any) ([]byte, int) {
	s.service.slots <- struct{}{}
	defer func() { <-s.service.slots }()
	return inJSON(v, http.StatusOK)
}
