package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
)

// Web says where a rota listens for other machines and browsers, and to whom.
type Web struct {
	Listen  string // "127.0.0.1:8377", "unix:/path"
	Actions bool   // false: nobody may do more than read
	Tokens  []Token
	Hosts   []string // names that it may be called by, beside those of loopback
	Cert    string   // files; "": no TLS
	Key     string
}

// Token is what lets somebody in.
type Token struct {
	Name  string
	Value string
	May   Scope
	Tasks []string // patterns of names; none: all
}

// minToken is how long a token is at least: too long to be guessed.
const minToken = 16

// check returns the settings of TLS, nil for none, or what is wrong with w.
func (w Web) check() (*tls.Config, error) {
	for _, t := range w.Tokens {
		if len(t.Value) < minToken {
			return nil, Errorf(Usage, "make one: openssl rand -hex 16", "token %q has %d characters, fewer than %d", t.Name, len(t.Value), minToken)
		}
		if t.May != MayRead && t.May != MayRequest && t.May != MayControl {
			return nil, Errorf(Usage, "write read, request or control", "token %q may %q, which is nothing", t.Name, t.May)
		}
		if _, err := matching(t.Tasks); err != nil {
			return nil, Errorf(Usage, "", "the patterns of token %q: %v", t.Name, err)
		}
	}
	if w.Actions && len(w.Tokens) == 0 {
		return nil, Errorf(Usage, "add one in [web.tokens], or leave out actions", "[web] actions = true needs a token")
	}
	if !w.local() && (len(w.Tokens) == 0 || w.Cert == "") {
		return nil, Errorf(Usage, "add tokens, tls_cert and tls_key, or listen at 127.0.0.1", "[web] listen = %q is open to other machines: it needs tokens and TLS", w.Listen)
	}
	if w.Cert == "" && w.Key == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(w.Cert, w.Key)
	if err != nil {
		return nil, Errorf(Usage, "tls_cert and tls_key name PEM files that belong together", "[web] TLS: %v", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}, nil
}

// local reports whether only this machine can connect.
func (w Web) local() bool {
	host, _, err := net.SplitHostPort(w.Listen)
	return strings.HasPrefix(w.Listen, "unix:") || err == nil && loopback(host)
}

// caller tells who asks, by Bearer token or as the password of HTTP Basic. On a
// machine by itself, without tokens, everybody may read.
func (w Web) caller(r *http.Request, tokenOf TokenOf, _ Owner) (Caller, error) {
	if err := w.host(r); err != nil {
		return Caller{}, err
	}
	value, given := tokenIn(r)
	if !given {
		if len(w.Tokens) == 0 && w.local() {
			return Caller{Who: "web", Grants: []Grant{{May: MayRead}}}, nil
		}
		return Caller{}, errNoToken
	}
	c, ok := w.named(value)
	if !ok {
		if c, ok = runCaller(value, tokenOf); !ok {
			return Caller{}, errWrongToken
		}
	}
	if !w.Actions && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return Caller{}, Errorf(Forbidden, "set actions = true in [web]", "nothing can be done here but read")
	}
	return c, nil
}

// named returns the caller whose token it is. It compares with all of them, and
// all of each.
func (w Web) named(value string) (c Caller, ok bool) {
	sum := sha256.Sum256([]byte(value))
	for _, t := range w.Tokens {
		if want := sha256.Sum256([]byte(t.Value)); subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
			tasks, err := matching(t.Tasks)
			c, ok = Caller{Who: "token " + t.Name, Grants: []Grant{{May: t.May, Tasks: tasks}}}, err == nil
		}
	}
	return c, ok
}

// host refuses names that rota does not go by: a page of another site whose
// name was made to point here sends its own.
func (w Web) host(r *http.Request) error {
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if loopback(name) || slices.ContainsFunc(w.Hosts, func(h string) bool { return strings.EqualFold(h, name) }) {
		return nil
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		if ip := net.ParseIP(name); ip != nil && ip.Equal(local.IP) {
			return nil
		}
	}
	return Errorf(Forbidden, "add it to hosts in [web]", "rota is not called %q", name)
}
