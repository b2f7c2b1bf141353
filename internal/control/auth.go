package control

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rota/internal/api"
)

// authenticate finds the caller of each request at a listener and passes the request on
// with a guard for this caller. It refuses requests without valid credentials and those
// that a page of another site makes a browser send. It ends a request when its caller
// loses a right that it needs. Caches must not store the answers.
func (s *Server) authenticate(l *Listener) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		r, sites := l.stripBase(r), l.sites()
		if s.serveProbe(l, w, r) {
			return
		}
		page := s.isPage(l, r)
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		r = r.WithContext(ctx)
		if page && l.web.Load().checkConnection(r, l.peers != nil) == nil && sites.Check(r) == nil && s.serveSignIn(l, w, r) {
			return
		}
		active, err := s.active.begin(func() (api.Caller, error) { return l.caller(r, page, s.options.TokenOf, s.options.Owner) }, s.service, cancel)
		if err == nil {
			defer s.active.finish(active)
			if sites.Check(r) != nil {
				err = api.Errorf(api.Forbidden, "", "a page of another site may not act here")
			}
		}
		switch {
		case page && err != nil:
			if errors.Is(err, errWrongToken) {
				s.delayFailedLogin(r)
			}
			s.servePage(l, w, r, nil, err)
		case page:
			s.servePage(l, w, r, active.guard, nil)
		case err == nil:
			s.routes.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), guardKey{}, active.guard)))
		case errors.Is(err, errWrongToken):
			s.delayFailedLogin(r)
			fallthrough
		case errors.Is(err, errNoToken):
			w.Header().Add("WWW-Authenticate", `Bearer realm="rota"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="rota", charset="UTF-8"`)
			w.Header().Set("Connection", "close")
			answer(w, http.StatusUnauthorized, refusal{wireError(err)})
		default:
			fail(w, err)
		}
	})
}

// sites returns the check that refuses changes requested by pages of other sites.
func (l *Listener) sites() *http.CrossOriginProtection {
	sites := http.NewCrossOriginProtection()
	if w := l.web.Load(); w != nil && w.Site.URL != "" {
		if u, err := url.Parse(w.Site.URL); err == nil {
			_ = sites.AddTrustedOrigin(u.Scheme + "://" + u.Host)
		}
	}
	return sites
}

// stripBase returns the request without the base path of the page. A proxy may have
// removed the path already.
func (l *Listener) stripBase(r *http.Request) *http.Request {
	w := l.web.Load()
	if w == nil || w.Site.Base == "" {
		return r
	}
	rest, found := strings.CutPrefix(r.URL.Path, w.Site.Base)
	if !found || rest != "" && rest[0] != '/' {
		return r
	}
	stripped := new(http.Request)
	*stripped = *r
	stripped.URL = new(url.URL)
	*stripped.URL = *r.URL
	stripped.URL.Path, stripped.URL.RawPath = cmp.Or(rest, "/"), ""
	return stripped
}

// delayFailedLogin waits before the answer to a wrong token, to make guessing slow.
func (s *Server) delayFailedLogin(r *http.Request) {
	wait := time.NewTimer(s.loginDelay)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
	}
}
