package control

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// How many connections one peer may have open at a time, if there are enough file
// descriptors. Connections beyond that are closed at once.
const (
	maxPeer    = 128 // of each user at a unix socket, except root and the user of rota
	maxAddress = 256 // of each address
)

// connections counts the open connections of each peer, at all listeners of a server.
// Each kind of peer has its own quota of the file descriptors of this process, so that
// no peer can prevent tasks from starting or root from connecting.
type connections struct {
	own, peers, network quota
}

// quota limits a number of connections, in total and for each peer.
type quota struct {
	most, each int

	mu   sync.Mutex
	open map[string]int // by peer
	sum  int            // of open
}

// newConnections divides a number of descriptors. A connection takes up to four:
// that of the socket, and those of the files that are sent or received.
func newConnections(descriptors int) *connections {
	const most = 4096
	few, more := min(descriptors/16, most), min(descriptors/8, most)
	return &connections{
		own:     quota{most: more, each: more},
		peers:   quota{most: few, each: min(maxPeer, max(1, few/4))},
		network: quota{most: few, each: min(maxAddress, max(1, few/4))},
	}
}

// descriptors returns how many files this process may have open.
func descriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// of returns the quota for a connection, and the name of its peer there.
func (n *connections) of(l *Listener, c net.Conn) (*quota, string) {
	if l.peers == nil {
		return &n.network, network(c.RemoteAddr())
	}
	at := peerOf(c)
	if l.peers.own(at) {
		return &n.own, ""
	}
	return &n.peers, strconv.Itoa(int(at.uid))
}

// network returns the address of a machine or, for IPv6, its /64 network, as one machine
// can use all addresses of that.
func network(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return addr.String()
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		if net, err := ip.Prefix(64); err == nil {
			return net.String()
		}
	}
	return ip.String()
}

// take counts one more connection, and returns false if that would be too many.
func (s *quota) take(whose string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sum >= s.most || s.open[whose] >= s.each {
		return false
	}
	if s.open == nil {
		s.open = map[string]int{}
	}
	s.open[whose]++
	s.sum++
	return true
}

// release counts one connection less.
func (s *quota) release(whose string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sum--; s.open[whose] == 1 {
		delete(s.open, whose)
	} else {
		s.open[whose]--
	}
}

// countedListener counts connections and closes those beyond the quota at once. It uses
// TLS if the listener has a certificate.
type countedListener struct {
	net.Listener
	from *Listener
	all  *connections
	once sync.Once
}

func (l *countedListener) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() { close(l.from.closed) })
	return err
}

func (l *countedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		s, whose := l.all.of(l.from, c)
		if !s.take(whose) {
			c.Close()
			continue
		}
		counted := &countedConn{Conn: c, leave: sync.OnceFunc(func() { s.release(whose) })}
		if w := l.from.web.Load(); w != nil && w.TLS != nil {
			return tls.Server(counted, l.from.tls), nil
		}
		return counted, nil
	}
}

// countedConn is a connection that is counted until it is closed.
type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}

// CloseWrite lets the server end an answer while the client still sends.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
