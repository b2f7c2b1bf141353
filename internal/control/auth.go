package control

import (
	"context"
	"errors"
	"net/http"
	"time"

	"rota/internal/api"
)

// authenticate gives each request at a listener the guard of its caller, for as long as
// the caller has the right to what it asks. It refuses strangers, and what a page of
// another site makes a browser send. No answer is kept by a cache.
func (s *Server) authenticate(l *Listener) http.Handler {
	sites := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if s.probed(l, w, r) {
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		r = r.WithContext(ctx)
		active, err := s.active.begin(func() (api.Caller, error) { return l.caller(r, s.options.TokenOf, s.options.Owner) }, s.service, cancel)
		if err == nil {
			defer s.active.finish(active)
			if sites.Check(r) != nil {
				err = api.Errorf(api.Forbidden, "", "a page of another site may not act here")
			}
		}
		switch {
		case err == nil:
			s.routes.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), guardKey{}, active.guard)))
		case errors.Is(err, errWrongToken):
			s.delayFailedLogin(r)
			fallthrough
		case errors.Is(err, errNoToken):
			w.Header().Add("WWW-Authenticate", `Bearer realm="rota"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="rota", charset="UTF-8"`)
			w.Header().Set("Connection", "close")
			answer(w, http.StatusUnauthorized, refusal{wire(err)})
		default:
			fail(w, err)
		}
	})
}

// delayFailedLogin makes guessing slow.
func (s *Server) delayFailedLogin(r *http.Request) {
	wait := time.NewTimer(s.loginDelay)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
	}
}
