package control

import (
	"context"
	"errors"
	"net/http"
	"time"

	"rota/internal/api"
)

// doorman lets requests in: not those that a page of another site makes a
// browser send, nor of somebody unknown. What is byCredential is for the caller only,
// and for as long as they have the right to it.
func (s *Server) doorman(d *Door) http.Handler {
	sites := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		r = r.WithContext(ctx)
		active, err := s.active.begin(func() (api.Caller, error) { return d.caller(r, s.options.TokenOf, s.options.Owner) }, s.service, cancel)
		if err == nil {
			defer s.active.finish(active)
			if sites.Check(r) != nil {
				err = api.Errorf(api.Forbidden, "", "a page of another site may not act here")
			}
		}
		switch {
		case err == nil:
			s.serve(w, r, active.guard)
		case errors.Is(err, errWrongToken):
			s.slow(r)
			fallthrough
		case errors.Is(err, errNoToken):
			w.Header().Add("WWW-Authenticate", `Bearer realm="rota"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="rota", charset="UTF-8"`)
			w.Header().Set("Connection", "close")
			answer(w, http.StatusUnauthorized, refusal{Error: wire(err)})
		default:
			fail(w, err)
		}
	})
}

// slow makes guessing slow.
func (s *Server) slow(r *http.Request) {
	wait := time.NewTimer(s.guess)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
	}
}

// serve passes a request on to its route.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, g *guard) {
	s.routes.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), serviceKey{}, g)))
}
