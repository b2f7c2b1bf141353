package control

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"rota/internal/api"
)

// Page answers the requests at listeners of [web] that are not calls of the API.
type Page = func(w http.ResponseWriter, r *http.Request, v api.Visit)

// isPage reports whether a request is for the page, not for the API.
func (s *Server) isPage(l *Listener, r *http.Request) bool {
	if s.options.Page == nil || l.web.Load() == nil || strings.HasPrefix(r.URL.Path, "/v1/") {
		return false
	}
	_, pattern := s.routes.Handler(r)
	return pattern == "/"
}

// servePage answers a request for the page. With an error the client has no valid
// credentials, and the page offers to sign in.
func (s *Server) servePage(l *Listener, w http.ResponseWriter, r *http.Request, g *guard, err error) {
	web := l.web.Load()
	v := api.Visit{Site: web.Site, Refused: err}
	switch {
	case errors.Is(err, errNoToken):
		v.Refused = nil
	case err == nil:
		v.Service, v.Caller = g, g.c
		_, v.SignedIn = web.signedIn(r)
		v.Stream = func() (leave func(), err error) { return s.streams.take(g.c.Share()) }
	}
	s.options.Page(w, r, v)
}

// The addresses at which a user signs in and out.
const (
	signInPath  = "/login"
	signOutPath = "/logout"
)

// session is how long a user stays signed in.
const session = 30 * 24 * time.Hour

// serveSignIn answers requests to sign in, with the token in a form, or to sign out. It
// returns false for other requests.
func (s *Server) serveSignIn(l *Listener, w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.Path != signInPath && r.URL.Path != signOutPath {
		return false
	}
	web := l.web.Load()
	cookie := web.cookie()
	if r.URL.Path == signOutPath {
		cookie.MaxAge = -1
		http.SetCookie(w, cookie)
		http.Redirect(w, r, web.Site.Base+signInPath, http.StatusSeeOther)
		return true
	}
	if wait := s.loginAttempts.take(web.address(r), time.Now()); wait > 0 {
		seconds := int((wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		err := api.Errorf(api.NotNow, "try again in "+strconv.Itoa(seconds)+" seconds", "%d tries a minute are all that one address gets", maxLoginsPerMinute)
		s.options.Page(w, r, api.Visit{Site: web.Site, Refused: err, Retry: seconds})
		return true
	}
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	value := strings.TrimSpace(r.PostFormValue("token"))
	if _, ok := web.tokenCaller(value); !ok {
		s.delayFailedLogin(r)
		s.options.Page(w, r, api.Visit{Site: web.Site, Refused: errWrongToken})
		return true
	}
	cookie.Value, cookie.MaxAge = sessionOf(value), int(session/time.Second)
	http.SetCookie(w, cookie)
	to := r.PostFormValue("to")
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") { // an address of another site
		to = "/"
	}
	http.Redirect(w, r, web.Site.Base+to, http.StatusSeeOther)
	return true
}

// cookie returns the session cookie without its value. A browser sends a cookie to all
// ports of a host, so the name of the cookie contains the port.
func (w *Web) cookie() *http.Cookie {
	name := "rota"
	if _, port, err := net.SplitHostPort(w.Listen); err == nil {
		name += "-" + port
	}
	return &http.Cookie{
		Name: name, Path: w.Site.Base + "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: w.TLS != nil || strings.HasPrefix(w.Site.URL, "https:"),
	}
}

// sessionOf returns the value of the session cookie for a token. It gives the rights of
// the token on the page, as long as the token is valid, but is no token for the API.
func sessionOf(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("rota: signed in to the page"))
	return hex.EncodeToString(mac.Sum(nil))
}

// signedIn returns the caller of the session cookie.
func (w *Web) signedIn(r *http.Request) (api.Caller, bool) {
	cookie, err := r.Cookie(w.cookie().Name)
	if err != nil {
		return api.Caller{}, false
	}
	return w.match(cookie.Value, sessionOf)
}

// maxLoginsPerMinute limits the attempts to sign in from one address.
const maxLoginsPerMinute = 5

// loginAttempts counts attempts to sign in by address. Its zero value is ready to use.
type loginAttempts struct {
	mu sync.Mutex
	of map[string][]time.Time
}

// take counts an attempt, or returns how long to wait until the next one is allowed.
func (t *loginAttempts) take(address string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	recent := func(all []time.Time) []time.Time {
		for len(all) > 0 && now.Sub(all[0]) >= time.Minute {
			all = all[1:]
		}
		return all
	}
	if len(t.of) > 1000 {
		for a, all := range t.of {
			if len(recent(all)) == 0 {
				delete(t.of, a)
			}
		}
	}
	all := recent(t.of[address])
	if len(all) >= maxLoginsPerMinute {
		return all[0].Add(time.Minute).Sub(now)
	}
	if t.of == nil {
		t.of = map[string][]time.Time{}
	}
	t.of[address] = append(all, now)
	return 0
}

// address returns the network address of the client: for a request from the proxy, the
// last address in X-Forwarded-For.
func (w *Web) address(r *http.Request) string {
	if w.Proxy.is(r) {
		if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
			last := all[len(all)-1]
			last = strings.TrimSpace(last[strings.LastIndex(last, ",")+1:])
			if ip, err := netip.ParseAddr(last); err == nil {
				return network(net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
			}
		}
	}
	at, err := net.ResolveTCPAddr("tcp", r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return network(at)
}
