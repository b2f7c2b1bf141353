package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Web is the [web] table: who may speak to rota over TCP, by token, or at another
// unix socket, by token or as the user that they are.
type Web struct {
	Listen  string           // "HOST:PORT" or "unix:/path"; "": nobody
	Tokens  map[string]Token // by name
	Hosts   []string         // names under which rota may be addressed, besides those of the loopback; without a port
	TLSCert string           // absolute path; given if TLSKey is
	TLSKey  string           // absolute path; given if TLSCert is
}

// Token is what a caller shows, and what it then may do.
type Token struct {
	File  string   // absolute; it holds the secret, at least 16 characters
	May   string   // "read", "request" or "control", each with all before it
	Tasks []string // globs of the tasks that it is for
}

// webKeys are the keys of [web].
var webKeys = map[string]setter[Web]{
	"listen":   setListen,
	"tokens":   setTokens,
	"hosts":    setHosts,
	"tls_cert": func(s spot, v any, to *Web) { s.filePath(v, &to.TLSCert) },
	"tls_key":  func(s spot, v any, to *Web) { s.filePath(v, &to.TLSKey) },
}

// tokenKeys are the keys of a token.
var tokenKeys = map[string]setter[Token]{
	"file":  func(s spot, v any, to *Token) { s.filePath(v, &to.File) },
	"may":   func(s spot, v any, to *Token) { s.oneOf(v, &to.May, "read", "request", "control") },
	"tasks": setGlobs,
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// setListen reads where to listen: "HOST:PORT", "unix:/path", or "" for nowhere.
func setListen(s spot, v any, to *Web) {
	t := ""
	if !s.text(v, &t) {
		return
	}
	const hint = `write "127.0.0.1:8377" or "unix:/path"; "" listens nowhere`
	if path, ok := strings.CutPrefix(t, "unix:"); ok {
		if path == "" {
			s.wrong(hint, "listen names no socket")
			return
		}
		to.Listen = "unix:" + s.src.abs(path)
		return
	}
	if t != "" {
		_, port, err := net.SplitHostPort(t)
		n, bad := strconv.Atoi(port)
		if err != nil || bad != nil || n < 1 || n > 65535 {
			s.wrong(hint, "%q is no address to listen on", t)
			return
		}
	}
	to.Listen = t
}

// setTokens reads the tokens. Each has to say where its secret is.
func setTokens(s spot, v any, to *Web) {
	to.Tokens = map[string]Token{}
	s.table(v, func(s spot, name string, v any) {
		if !names.MatchString(name) {
			s.odd(nameHint, "%q cannot be the name of a token", name)
			return
		}
		t := Token{May: "read", Tasks: []string{"*"}}
		if !fill(s, v, tokenKeys, "token "+quote(name), &t) {
			return
		}
		if _, given := v.(map[string]any)["file"]; !given {
			s.odd(`add file = "/path"; what the file holds is the token`, "token %q has no file", name)
		}
		to.Tokens[name] = t
	})
}

// setGlobs reads patterns for names of tasks.
func setGlobs(s spot, v any, to *Token) {
	s.textsLike(v, &to.Tasks, taskGlob.MatchString, "cannot match the name of a task", `such as "*" or "backup-*"`)
}

// setHosts reads names of hosts.
func setHosts(s spot, v any, to *Web) {
	s.textsLike(v, &to.Hosts, func(t string) bool {
		_, err := netip.ParseAddr(t)
		return err == nil || hostName.MatchString(t)
	}, "is no name of a host", `write a name such as "rota.example.org", without a port`)
}

// web reads [web] and checks what spans several of its keys: whoever can reach
// rota over a network has to show a token, and nobody on the way may read it.
func (l *loader) web(s spot, v any) {
	w := &l.config.Web
	before := len(l.complaints)
	if !fill(s, v, webKeys, "[web]", w) || len(l.complaints) > before {
		return
	}
	keys := v.(map[string]any)
	if cert, key := w.TLSCert != "", w.TLSKey != ""; cert != key {
		given, missing := "tls_cert", "tls_key"
		if key {
			given, missing = missing, given
		}
		s.at(given).odd("add "+missing, "%s is of no use without %s", given, missing)
		return
	}
	if strings.HasPrefix(w.Listen, "unix:") {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if key == "tls_cert" || key == "tls_key" {
				s.at(key).odd("leave it out", "%s has no effect on a unix socket", key)
			}
		}
		return
	}
	if loopback(w.Listen) && len(w.Tokens) == 0 {
		l.add(complaint{spot: s.at("listen"), Fault: Fault{
			Warning: true, Msg: fmt.Sprintf("no client can connect to %s: a token is required and none is configured", w.Listen), Hint: "add one in [web.tokens]",
		}})
	}
	if w.Listen == "" || loopback(w.Listen) {
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
		s.at("listen").wrong(fmt.Sprintf("add %s, or listen on 127.0.0.1", strings.Join(missing, ", ")), "other machines can reach %s, so it needs %s", w.Listen, strings.Join(missing, ", "))
	}
}

// loopback reports whether only this machine can reach an address.
func loopback(listen string) bool {
	host, _, _ := net.SplitHostPort(listen)
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
