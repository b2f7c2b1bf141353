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

// Hurry makes wrong tokens cost a test less.
func (s *Server) Hurry(d time.Duration) { s.guess = d }

// Press gives the head of a request less time.
func (s *Server) Press(d time.Duration) { s.head = d }

// Dial makes a client connect in another way.
func (c *Client) Dial(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	c.http.Transport.(*http.Transport).DialContext = dial
}

// DialUnix connects to a socket, however long its path is.
func DialUnix(ctx context.Context, path string) (net.Conn, error) {
	return dialUnix(ctx, &net.Dialer{}, path)
}

// What reads what others send.
var Decode = decode

func ReadForm(r io.Reader, boundary string) (api.Request, io.Reader, error) {
	return readForm(multipart.NewReader(r, boundary))
}

// Limits.
const (
	MaxStreams = maxStreams
	MaxBody    = maxBody
	MaxPeer    = maxPeer
	MaxEach    = eachStreams
	OwnStreams = ownStreams
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

// Handler is what answers at a web door for this machine.
func (s *Server) Handler(tb interface {
	Fatal(...any)
	Cleanup(func())
}) http.Handler {
	d, err := OpenWeb(Web{Listen: "127.0.0.1:0"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return s.doorman(d)
}

// Orderly is what a server serves.
func Orderly(s api.Service) api.Service { return newOrderly(s) }

// Turns is how many questions an orderly Service answers at a time.
func Turns(s api.Service) int { return cap(s.(*orderly).turns) }
