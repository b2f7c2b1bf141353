package control

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"rota/internal/api"
	"rota/internal/escape"
)

// Proxy is a reverse proxy that may connect without TLS and name the user of a request,
// whom it has authenticated.
type Proxy struct {
	From       []netip.Prefix // addresses of the proxy; empty: no proxy
	UserHeader string         // the header with the name of the user; "": the proxy forwards tokens
	May        api.Scope      // the rights of the users that the proxy names
}

// is reports whether a request comes from the proxy.
func (p Proxy) is(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := at.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(p.From, func(net netip.Prefix) bool { return net.Contains(ip) })
}

// user returns the caller that the proxy names; false if it names none.
func (p Proxy) user(r *http.Request) (api.Caller, bool, error) {
	if p.UserHeader == "" || !p.is(r) {
		return api.Caller{}, false, nil
	}
	names := r.Header.Values(p.UserHeader)
	switch {
	case len(names) == 0 || len(names) == 1 && names[0] == "":
		return api.Caller{}, false, nil
	case len(names) > 1 || len(names[0]) > 128 || escape.Line(names[0]) != names[0]:
		return api.Caller{}, false, api.Errorf(api.Forbidden, "have it set the header once, for each request", "the proxy does not name one user in %s", p.UserHeader)
	}
	who := "user " + strings.TrimSpace(names[0])
	return api.Caller{Who: who, Grants: []api.Grant{{May: p.May}}, Credential: fmt.Sprint("proxy ", p.From, p.May, who)}, true, nil
}

// errNotProxy is the error for clients without TLS other than the proxy.
var errNotProxy = api.Errorf(api.Forbidden, "see proxy in [web]", "rota is reached here through a proxy only")
