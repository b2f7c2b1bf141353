package control

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rota/internal/api"
)

// Target is the address and the credentials for a daemon.
type Target struct {
	Socket  string         // the path of its socket; see [SocketPath]
	URL     string         // "https://host:8377", instead of the socket; "": the socket
	Token   string         // the token of the client; "": none, the socket identifies the user
	RootCAs *x509.CertPool // trusted authorities; nil: those of this machine
}

// Client is the Service of another process. A stream that it returned is closed when
// the context of its call ends.
type Client struct {
	at    string // the address, for messages
	base  string // the first part of every URL
	token string
	http  *http.Client
}

var _ api.Service = (*Client)(nil)

// dialTimeout is the time limit for a connection.
const dialTimeout = 5 * time.Second

// NewClient returns a client. It connects at the first call, which returns an error with
// the Code NoDaemon if no daemon listens.
func NewClient(t Target) (*Client, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: t.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: headerTimeout,
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     idleTimeout / 2,
		DisableCompression:  true,
	}
	c := &Client{at: t.Socket, base: "http://localhost", token: t.Token, http: &http.Client{
		Transport: transport,
		// A redirect must not get the token, and rota sends no redirects.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if t.URL == "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialUnix(ctx, dialer, t.Socket)
		}
		return c, nil
	}
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, api.Errorf(api.Usage, "it looks like https://host:8377", "%q is not the address of a rota", t.URL)
	}
	if u.User != nil {
		return nil, api.Errorf(api.Usage, "give it as a file: --token-file", "an address holds no token")
	}
	if u.Scheme == "http" && t.Token != "" && !loopback(u.Hostname()) {
		return nil, api.Errorf(api.Usage, "use https://", "a token is not sent to %s without TLS", u.Host)
	}
	transport.DialContext = dialer.DialContext
	transport.Proxy = http.ProxyFromEnvironment
	c.at, c.base = t.URL, strings.TrimRight(u.String(), "/")
	return c, nil
}

// Close ends connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// loopback reports whether a host is this machine, by name or number.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
