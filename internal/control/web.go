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

// Web holds the settings of the listener for other machines and browsers.
type Web struct {
	Listen string // "127.0.0.1:8377", "unix:/path"
	Group  string // of a unix socket, as of [OpenSocket]
	Tokens []Token
	Hosts  []string         // host names that requests may use, besides those of loopback
	TLS    *tls.Certificate // nil: no TLS
	Proxy  Proxy
	Site   api.Site // the page

	NoMetrics bool // do not serve /metrics
}

// Token is a token of [web] and its rights.
type Token struct {
	Name  string
	Value string
	May   api.Scope
	Tasks []string // patterns of names; none: all
}

// minToken is the least length of a token: too long to be guessed.
const minToken = 16

// Check returns an error if the token is not valid.
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

// check returns an error if the settings are not valid.
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

// local reports whether only processes of this machine can connect.
func (w Web) local() bool {
	host, _, err := net.SplitHostPort(w.Listen)
	return strings.HasPrefix(w.Listen, "unix:") || err == nil && loopback(host)
}

// caller returns the caller of a request, identified by the Bearer token or the password
// of HTTP Basic. Over TCP a token is always needed, as any user of this machine can
// connect. At a unix socket a peer without a token is identified by its user; with a
// token, only that counts, as the peer may be a proxy for many users.
//
// For the page, the session cookie identifies the caller, too.
func (w *Web) caller(r *http.Request, page bool, p *peers, tokenOf TokenOf, owner Owner) (api.Caller, error) {
	if err := w.checkConnection(r, p != nil); err != nil {
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
	if c, ok := w.tokenCaller(value); ok {
		return c, nil
	}
	if c, ok := runCaller(value, tokenOf); ok {
		return c, nil
	}
	return api.Caller{}, errWrongToken
}

// checkConnection returns an error if the connection or the host name of a request is not allowed for any caller.
func (w *Web) checkConnection(r *http.Request, unix bool) error {
	switch {
	case unix || w.TLS != nil && r.TLS != nil:
	case w.TLS != nil: // connected before the certificate was configured
		return errNoToken
	case !w.local() && !w.Proxy.is(r):
		return errNotProxy
	}
	return w.host(r)
}

// tokenCaller returns the caller with the token. It compares with all tokens in constant
// time.
func (w *Web) tokenCaller(value string) (c api.Caller, ok bool) {
	return w.match(value, func(token string) string { return token })
}

// match returns the caller for whose token of returns the value.
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

// host refuses requests with an unknown host name: a page of another site whose name was
// made to resolve to this machine sends that name.
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
