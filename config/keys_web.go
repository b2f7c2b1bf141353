package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Web is the [web] table: which clients may connect over TCP, by token, or at a second
// unix socket, by token or as their user.
type Web struct {
	Listen  string            // "HOST:PORT" or "unix:/path"; "": no listener
	Tokens  map[string]Token  // by name
	Hosts   []string          // names under which rota may be addressed, besides those of the loopback; without a port
	TLSCert string            // absolute path; given if TLSKey is
	TLSKey  string            // absolute path; given if TLSCert is
	Metrics bool              // serve /metrics
	Actions bool              // the page may run and stop tasks
	Base    string            // the path that all addresses of the page begin with: "/rota"; "": none
	URL     string            // the address at which people reach the page; "": not known
	Proxy   Proxy             // the reverse proxy that may name the user
	Others  map[string]string // addresses of the pages of other daemons, by name
}

// Proxy is a reverse proxy that may connect without TLS.
type Proxy struct {
	From       []string // addresses or networks of the proxy; empty: no proxy
	UserHeader string   // the header in which the proxy names the user; "": it forwards tokens
	May        string   // as of a Token: what these users may do
}

// Token is a token of a client and the rights that it gives.
type Token struct {
	File  string   // absolute; it holds the secret, at least 16 characters
	May   string   // "read", "request" or "control", each with all before it
	Tasks []string // globs of the tasks that the rights cover
}

var webTable = &table[Web]{
	name: "web", text: "Who may speak to rota over a network. Without it nobody can. At HOST:PORT each client needs a token, unless proxy names its user. Only the main file may have this table.",
	keys: []key[Web]{
		row("listen", custom(textType, func(w *Web) *string { return &w.Listen }, setListen), `""`, "Where to listen: HOST:PORT or unix:/path. HOST:PORT needs tokens and, where other machines can reach it, tls_cert and tls_key, or proxy. At a unix socket users of this machine have the same rights as at the socket of rota.", `"127.0.0.1:8377"`, `"unix:/run/rota/web.sock"`, `""`),
		row("tokens", custom(namedType(namePattern, tableType("web.tokens.NAME")), func(w *Web) *map[string]Token { return &w.Tokens }, setTokens), "", "Rights of clients, by the token that they send.", `{ ci = { file = "/etc/rota/secrets/ci" } }`),
		row("hosts", custom(orList(textType), func(w *Web) *[]string { return &w.Hosts }, setHosts), "", "Host names that clients may use, without a port, besides localhost and the address in listen.", `"rota.example.org"`, `["rota.example.org", "10.0.0.7"]`),
		row("tls_cert", path(func(w *Web) *string { return &w.TLSCert }), "", "The certificate, followed by its intermediate certificates, in PEM. A reload reads it again.", `"/etc/rota/tls.crt"`),
		row("tls_key", path(func(w *Web) *string { return &w.TLSKey }), "", "Its private key, in PEM. Only its owner and group may read it.", `"/etc/rota/tls.key"`),
		row("metrics", boolean(func(w *Web) *bool { return &w.Metrics }), "true", "false: /metrics is not served here, but still at the socket of rota.", "false"),
		row("actions", boolean(func(w *Web) *bool { return &w.Actions }), "false", "Whether the page also has actions, such as to run and stop tasks, for users whose token allows them. It does not affect the rights of programs with a token.", "true"),
		row("base", custom(textType, func(w *Web) *string { return &w.Base }, setBase), `""`, "The path prefix of all addresses of the page, for a proxy that serves other sites, too.", `"/rota"`, `""`),
		row("url", custom(textType, func(w *Web) *string { return &w.URL }, setURL), `""`, "The address of the page for users, including base. Notifications contain the address of the run there.", `"https://example.org/rota"`, `""`),
		row("proxy", custom(tableType(proxyTable.name), func(w *Web) *Proxy { return &w.Proxy }, setProxy), "", "A reverse proxy that may connect without TLS. No other clients can connect then.", `{ from = ["10.0.0.0/8"], user_header = "Remote-User", may = "control" }`),
		row("others", custom(namedType(namePattern, textType), func(w *Web) *map[string]string { return &w.Others }, setOthers), "", "The pages of other rota daemons, to which the page links.", `{ db1 = "https://db1.example.org:8377" }`),
	},
}

var proxyTable = &table[Proxy]{
	name: "web.proxy", text: "A reverse proxy that may connect without TLS, and may have looked who the user is. Its own connections to users need TLS.", required: []string{"from"},
	keys: []key[Proxy]{
		row("from", custom(orList(textType), func(p *Proxy) *[]string { return &p.From }, setFrom), "", "The addresses, or networks, from which it connects. Every user of these machines can act as the proxy.", `"127.0.0.1"`, `["10.0.0.0/8", "fd00::/8"]`),
		row("user_header", custom(textType, func(p *Proxy) *string { return &p.UserHeader }, setHeaderName), `""`, "The header in which it sends the user that it has authenticated. It must set or remove it in each request. Without it users sign in by a token.", `"Remote-User"`, `""`),
		row("may", word(func(p *Proxy) *string { return &p.May }, "read", "request", "control"), `"read"`, "The rights of those users, for all tasks, as in a token.", `"control"`),
	},
}

var tokenTable = &table[Token]{
	name: "web.tokens.NAME", text: "The rights of a client that sends the token.", required: []string{"file"},
	keys: []key[Token]{
		row("file", path(func(t *Token) *string { return &t.File }), "", "The file that holds the token, 16 characters or more; other users must not be able to read it.", `"/etc/rota/secrets/ci"`),
		row("may", word(func(t *Token) *string { return &t.May }, "read", "request", "control"), `"read"`, "read: see everything. request: also request runs. control: everything.", `"request"`),
		row("tasks", custom(orList(Type{Name: "a string", Text: true, Pattern: taskGlob.String()}), func(t *Token) *[]string { return &t.Tasks }, setGlobs), `["*"]`, "Patterns of the tasks that the rights cover.", `"*"`, `["backup-*"]`),
	},
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// setListen reads the address of the listener: "HOST:PORT", "unix:/path", or "" for none.
func setListen(loc location, v any, to *Web) {
	t := ""
	if !loc.text(v, &t) {
		return
	}
	const hint = `write "127.0.0.1:8377" or "unix:/path"; "" listens nowhere`
	if path, ok := strings.CutPrefix(t, "unix:"); ok {
		if path == "" {
			loc.valueError(hint, "listen has no path of a socket")
			return
		}
		to.Listen = "unix:" + loc.src.abs(path)
		return
	}
	if t != "" {
		_, port, err := net.SplitHostPort(t)
		n, bad := strconv.Atoi(port)
		if err != nil || bad != nil || n < 1 || n > 65535 {
			loc.valueError(hint, "%q is not an address to listen on", t)
			return
		}
	}
	to.Listen = t
}

// setTokens reads the tokens. Each needs the file that holds its secret.
func setTokens(loc location, v any, to *Web) {
	to.Tokens = map[string]Token{}
	loc.table(v, func(loc location, name string, v any) {
		if !validName.MatchString(name) {
			loc.keyError(nameHint, "%q is not a valid token name", name)
			return
		}
		t := tokenTable.zero()
		if !tokenTable.read(loc, v, "token "+quote(name), &t) {
			return
		}
		if _, given := v.(map[string]any)["file"]; !given {
			loc.keyError(`add file = "/path"; what the file holds is the token`, "token %q has no file", name)
		}
		to.Tokens[name] = t
	})
}

// setGlobs reads patterns for names of tasks.
func setGlobs(loc location, v any, to *Token) {
	loc.textsLike(v, &to.Tasks, taskGlob.MatchString, "cannot match the name of a task", `such as "*" or "backup-*"`)
}

// setHosts reads names of hosts.
func setHosts(loc location, v any, to *Web) {
	loc.textsLike(v, &to.Hosts, func(t string) bool {
		_, err := netip.ParseAddr(t)
		return err == nil || hostName.MatchString(t)
	}, "is not a host name", `write a name such as "rota.example.org", without a port`)
}

var (
	basePath   = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)
	headerName = regexp.MustCompile(`^([A-Za-z0-9-]+)?$`)
)

// setBase reads the path that addresses begin with.
func setBase(loc location, v any, to *Web) {
	t := ""
	if !loc.text(v, &t) {
		return
	}
	if !basePath.MatchString(t) || slices.ContainsFunc(strings.Split(t, "/"), func(part string) bool { return part == "." || part == ".." || part == "v1" }) {
		loc.valueError(`write it such as "/rota", without a slash at the end`, "%q is not a path that addresses can begin with", t)
		return
	}
	to.Base = t
}

// webURL returns the fault of the address of a page; "": none.
func webURL(t string) string {
	u, err := url.Parse(t)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "is not the address of a page"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "has more than scheme, host and path"
	}
	return ""
}

const webURLHint = `write it such as "https://example.org/rota"`

// setURL reads the address at which people reach the page.
func setURL(loc location, v any, to *Web) {
	t := ""
	if !loc.text(v, &t) {
		return
	}
	if wrong := webURL(t); t != "" && wrong != "" {
		loc.valueError(webURLHint, "%q %s", t, wrong)
		return
	}
	to.URL = strings.TrimRight(t, "/")
}

// setOthers reads the addresses of other pages.
func setOthers(loc location, v any, to *Web) {
	to.Others = map[string]string{}
	loc.table(v, func(loc location, name string, v any) {
		if !validName.MatchString(name) {
			loc.keyError(nameHint, "%q is not a valid name", name)
			return
		}
		t := ""
		if !loc.text(v, &t) {
			return
		}
		if wrong := webURL(t); wrong != "" {
			loc.valueError(webURLHint, "%q %s", t, wrong)
			return
		}
		to.Others[name] = t
	})
}

// setProxy reads the proxy.
func setProxy(loc location, v any, to *Web) {
	p := proxyTable.zero()
	if proxyTable.read(loc, v, "proxy", &p) {
		to.Proxy = p
	}
}

// setFrom reads addresses and networks.
func setFrom(loc location, v any, to *Proxy) {
	loc.textsLike(v, &to.From, func(t string) bool {
		_, err := AddressRange(t)
		return err == nil
	}, "is not an address or a network", `write "10.0.0.7" or "10.0.0.0/8"`)
}

// AddressRange returns the addresses that a text stands for: one, or those of a network.
func AddressRange(text string) (netip.Prefix, error) {
	if at, err := netip.ParseAddr(text); err == nil {
		return at.Prefix(at.BitLen())
	}
	net, err := netip.ParsePrefix(text)
	return net.Masked(), err
}

// setHeaderName reads the name of a header.
func setHeaderName(loc location, v any, to *Proxy) {
	t := ""
	if !loc.text(v, &t) {
		return
	}
	if !headerName.MatchString(t) || strings.EqualFold(t, "Authorization") || strings.EqualFold(t, "Cookie") {
		loc.valueError(`write it such as "Remote-User"`, "%q is not the name of a header with a user", t)
		return
	}
	to.UserHeader = t
}

// readWeb reads [web] and checks the rules that span several of its keys: a client
// that connects over a network needs a token, and the connection is encrypted.
func (l *loader) readWeb(loc location, v any) {
	w := &l.config.Web
	before := len(l.complaints)
	if !webTable.read(loc, v, "[web]", w) || len(l.complaints) > before {
		return
	}
	keys := v.(map[string]any)
	if cert, key := w.TLSCert != "", w.TLSKey != ""; cert != key {
		given, missing := "tls_cert", "tls_key"
		if key {
			given, missing = missing, given
		}
		loc.at(given).keyError("add "+missing, "%s needs %s", given, missing)
		return
	}
	if strings.HasPrefix(w.Listen, "unix:") {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if key == "tls_cert" || key == "tls_key" {
				loc.at(key).keyError("remove it", "%s has no effect on a unix socket", key)
			}
			if key == "proxy" {
				loc.at(key).keyError("remove it; a proxy that connects there has the rights of its user, or passes tokens on", "%s has no effect on a unix socket", key)
			}
		}
		return
	}
	if _, given := keys["proxy"]; given && len(w.Proxy.From) == 0 {
		loc.at("proxy").keyError(`add from = "127.0.0.1"`, "proxy has no from")
		return
	}
	if len(w.Proxy.From) > 0 && w.TLSCert != "" {
		loc.at("proxy").keyError("remove one of them", "proxy is for connections without TLS, and tls_cert asks for it")
		return
	}
	if loopback(w.Listen) && len(w.Tokens) == 0 && w.Proxy.UserHeader == "" {
		l.add(complaint{location: loc.at("listen"), Fault: Fault{
			Warning: true, Msg: fmt.Sprintf("no client can connect to %s: a token is required and none is configured", w.Listen), Hint: "add one in [web.tokens]",
		}})
	}
	if w.Listen == "" || loopback(w.Listen) || len(w.Proxy.From) > 0 {
		return
	}
	var missing []string
	if len(w.Tokens) == 0 {
		missing = append(missing, "tokens")
	}
	if w.TLSCert == "" {
		missing = append(missing, "tls_cert and tls_key")
	}
	if missing != nil {
		loc.at("listen").valueError(fmt.Sprintf("add %s, or proxy, or listen on 127.0.0.1", strings.Join(missing, ", ")), "other machines can reach %s, so it needs %s", w.Listen, strings.Join(missing, ", "))
	}
}

// loopback reports whether only this machine can reach an address.
func loopback(listen string) bool {
	host, _, _ := net.SplitHostPort(listen)
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
