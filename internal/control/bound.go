package control

import (
	"net"
	"sync"
)

// boundListener closes connections at once that would be too many.
type boundListener struct {
	net.Listener
	most int
	of   func(net.Conn) (whose string, counted bool)

	mu   sync.Mutex
	open map[string]int // by whose they are
}

// bounded lets at most so many connections be open at a time, of each whose
// they are; those that are not counted are not bounded.
func bounded(l net.Listener, most int, of func(net.Conn) (whose string, counted bool)) net.Listener {
	return &boundListener{Listener: l, most: most, of: of, open: map[string]int{}}
}

func (l *boundListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		whose, counted := l.of(c)
		if !counted {
			return c, nil
		}
		if l.add(whose, 1) {
			return &boundConn{Conn: c, leave: sync.OnceFunc(func() { l.add(whose, -1) })}, nil
		}
		c.Close()
	}
}

// add counts n more connections, if they are not too many.
func (l *boundListener) add(whose string, n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.open[whose] + n
	switch {
	case now > l.most:
		return false
	case now == 0:
		delete(l.open, whose)
	default:
		l.open[whose] = now
	}
	return true
}

// boundConn is a connection that is counted until it is closed.
type boundConn struct {
	net.Conn
	leave func()
}

func (c *boundConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite lets the server end an answer while the other end still sends.
func (c *boundConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
