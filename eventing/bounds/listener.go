package bounds

import (
	"net"
	"sync"
)

// The connections of a server, and of one address.
const (
	MostConnections = 4096
	mostOfAnAddress = 1024
)

// Listen bounds the connections that l accepts: what is above the bound of all, or
// of one address, is closed at once.
func Listen(l net.Listener) net.Listener { return listen(l, MostConnections, mostOfAnAddress) }

func listen(l net.Listener, all, each int) net.Listener {
	return &listener{Listener: l, all: all, each: each, of: map[string]int{}}
}

// listener is a net.Listener that counts.
type listener struct {
	net.Listener
	all, each int

	mu    sync.Mutex
	total int
	of    map[string]int // by address
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := host(c.RemoteAddr().String())
		if l.enter(from) {
			return &connection{Conn: c, leave: sync.OnceFunc(func() { l.exit(from) })}, nil
		}
		_ = c.Close() // nobody waits for more
	}
}

func (l *listener) enter(from string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.all || l.of[from] >= l.each {
		return false
	}
	l.total++
	l.of[from]++
	return true
}

func (l *listener) exit(from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.of[from]--; l.of[from] == 0 {
		delete(l.of, from)
	}
}

// connection counts until it is closed.
type connection struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.leave()
	return c.Conn.Close()
}
