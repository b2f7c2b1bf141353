package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"rota/internal/api"
)

// Web says where a rota listens for other machines and browsers, and to whom.
type Web struct {
	Listen string // "127.0.0.1:8377", "unix:/path"
	Group  string // of a unix socket, as of [OpenSocket]
	Tokens []Token
	Hosts  []string         // names that it may be called by, beside those of loopback
	TLS    *tls.Certificate // nil: no TLS
	Proxy  Proxy
	Site   api.Site // the page

	NoMetrics bool // /metrics is not there
}

// Token is what lets somebody in.
type Token struct {
	Name  string
	Value string
	May   api.Scope
	Tasks []string // patterns of names; none: all
}

// minToken is how long a token is at least: too long to be guessed.
const minToken = 16

// Check returns what is wrong with a token.
func (t Token) Check() error {
	if len(t.Value) < minToken {
		return api.Errorf(api.Usage, "make one: openssl rand -hex 16", "token %q has %d characters, fewer than %d", t.Name, len(t.Value), minToken)
	}
	if t.May != api.MayRead && t.May != api.MayRequest && t.May != api.MayControl {
		return api.Errorf(api.Usage, "write read, request or control", "token %q may %q, which is nothing", t.Name, t.May)
	}
	if _, err := matching(t.Tasks); err != nil {
		return api.Errorf(api.Usage, "", "the patterns of token %q: %v", t.Name, err)
	}
	return nil
}

// check returns what is wrong with w.
func (w Web) check() error {
	for _, t := range w.Tokens {
		if err := t.Check(); err != nil {
			return err
		}
	}
	if !w.local() && len(w.Proxy.From) == 0 && (len(w.Tokens) == 0 || w.TLS == nil) {
		return api.Errorf(api.Usage, "add tokens, tls_cert and tls_key, or proxy, or listen at 127.0.0.1", "[web] listen = %q is open to other machines: it needs tokens and TLS", w.Listen)
	}
	return nil
}

// local reports whether only this machine can connect.
func (w Web) local() bool {
	host, _, err := net.SplitHostPort(w.Listen)
	return strings.HasPrefix(w.Listen, "unix:") || err == nil && loopback(host)
}

// caller tells who asks, by Bearer token or as the password of HTTP Basic. Over
// TCP a token is always needed: any user of this machine can connect. At a unix
// socket somebody without one is who the kernel says. A token counts alone, also
// there, for the peer may be a proxy that speaks for many.
//
// The page, where page says that it is asked for, also knows those who signed in.
func (w *Web) caller(r *http.Request, page bool, p *peers, tokenOf TokenOf, owner Owner) (api.Caller, error) {
	if err := w.admits(r, p != nil); err != nil {
		return api.Caller{}, err
	}
	if c, ok, err := w.Proxy.user(r); ok || err != nil {
		return c, err
	}
	value, given := tokenIn(r)
	if !given && page {
		if c, ok := w.signedIn(r); ok {
			return c, nil
		}
	}
	if !given && p != nil {
		at, _ := r.Context().Value(connKey{}).(peer)
		return p.withoutToken(at, owner)
	}
	if !given {
		return api.Caller{}, errNoToken
	}
	if c, ok := w.named(value); ok {
		return c, nil
	}
	if c, ok := runCaller(value, tokenOf); ok {
		return c, nil
	}
	return api.Caller{}, errWrongToken
}

// admits returns why nobody may come the way that a request came, whoever they are.
func (w *Web) admits(r *http.Request, unix bool) error {
	switch {
	case unix || w.TLS != nil && r.TLS != nil:
	case w.TLS != nil: // it connected before there was a certificate
		return errNoToken
	case !w.local() && !w.Proxy.is(r):
		return errNotProxy
	}
	return w.host(r)
}

// named returns the caller whose token it is. It compares with all of them, and
// all of each.
func (w *Web) named(value string) (c api.Caller, ok bool) {
	return w.match(value, func(token string) string { return token })
}

// match is named for what is made of a token.
func (w *Web) match(value string, of func(token string) string) (c api.Caller, ok bool) {
	sum := sha256.Sum256([]byte(value))
	for _, t := range w.Tokens {
		if want := sha256.Sum256([]byte(of(t.Value))); subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
			tasks, err := matching(t.Tasks)
			name := "token " + t.Name
			c, ok = api.Caller{Who: name, Grants: []api.Grant{{May: t.May, Tasks: tasks}}, Credential: fmt.Sprint(name, t.May, t.Tasks, sha256.Sum256([]byte(t.Value)))}, err == nil
		}
	}
	return c, ok
}

// host refuses names that rota does not go by: a page of another site whose
// name was made to point here sends its own.
func (w *Web) host(r *http.Request) error {
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if u, err := url.Parse(w.Site.URL); err == nil && w.Site.URL != "" && strings.EqualFold(u.Hostname(), name) {
		return nil
	}
	if loopback(name) || slices.ContainsFunc(w.Hosts, func(h string) bool { return strings.EqualFold(h, name) }) {
		return nil
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		if ip := net.ParseIP(name); ip != nil && ip.Equal(local.IP) {
			return nil
		}
	}
	return api.Errorf(api.Forbidden, "add it to hosts in [web]", "rota is not called %q", name)
}

// matching returns a function for names that match one of the patterns, as in
// [path.Match]; nil if that is every name.
func matching(patterns []string) (func(name string) bool, error) {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, err
		}
	}
	if len(patterns) == 0 || slices.Contains(patterns, "*") {
		return nil, nil
	}
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, name)
			return ok
		})
	}, nil
}
