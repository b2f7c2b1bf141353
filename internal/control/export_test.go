package control

import (
	"context"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"time"

	"rota/internal/api"
)

// SetLoginDelay makes wrong tokens cost a test less.
func (s *Server) SetLoginDelay(d time.Duration) { s.loginDelay = d }

// SetHeadTime gives the head of a request less time.
func (s *Server) SetHeadTime(d time.Duration) { s.head = d }

// Dial makes a client connect in another way.
func (c *Client) Dial(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	c.http.Transport.(*http.Transport).DialContext = dial
}

// DialUnix connects to a socket, however long its path is.
func DialUnix(ctx context.Context, path string) (net.Conn, error) {
	return dialUnix(ctx, &net.Dialer{}, path)
}

// Readers of what clients send.
var Decode = decode

func ReadForm(r io.Reader, boundary string) (api.Request, io.Reader, error) {
	return readForm(multipart.NewReader(r, boundary))
}

// Limits.
const (
	MaxStreams = maxStreams
	MaxBody    = maxBody
	MaxPeer    = maxPeer
	MaxEach    = maxStreamsPerUser
	OwnStreams = reservedStreams
)

// Descriptors has a server count connections as if this process could have so many
// descriptors. It is called before it serves.
func (s *Server) Descriptors(n int) { s.open = newConnections(n) }

// Share is how many connections of each user there may be, and how many of all but
// root, if a process can have so many descriptors.
func Share(descriptors int) (each, all int) {
	n := newConnections(descriptors)
	return n.peers.each, n.peers.most
}

// Network is whose a connection over TCP is.
var Network = network

// Handler is what answers at a web listener for this machine.
func (s *Server) Handler(tb interface {
	Fatal(...any)
	Cleanup(func())
}) http.Handler {
	l, err := OpenWeb(Web{Listen: "127.0.0.1:0"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return s.authenticate(l)
}

// Limited is what a server serves.
func Limited(s api.Service) api.Service { return newLimited(s) }

// Slots is how many queries a limited Service answers at a time.
func Slots(s api.Service) int { return cap(s.(*limited).slots) }

// Patterns are the addresses of each endpoint.
func Patterns() (all [][]string) {
	for _, e := range routes {
		method, template := e.address()
		var of []string
		for _, path := range runPaths(template) {
			of = append(of, method+" "+path)
		}
		all = append(all, of)
	}
	return all
}

// NewProbe returns what asks a probe with that check.
func NewProbe(check func(context.Context) error) func(context.Context) error {
	return (&probe{check: check}).get
}
