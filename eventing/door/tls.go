package door

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Certificate is the certificate that a server shows: PEM files, which are read
// again when they change.
type Certificate struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  [2]stamp
	broken [2]stamp // of files that could not be read, which was said
}

// stamp tells whether a file changed.
type stamp struct {
	changed time.Time
	size    int64
}

// OpenCertificate reads a certificate and its key. Nil where neither is named.
func OpenCertificate(cert, key string, log *slog.Logger) (*Certificate, error) {
	if cert == "" && key == "" {
		return nil, nil // no TLS
	}
	if cert == "" || key == "" {
		return nil, pipeline.Invalidf("tls-cert", "a certificate needs its key, and a key its certificate").
			WithHint("set both --tls-cert (KAFKAML_TLS_CERT) and --tls-key (KAFKAML_TLS_KEY)")
	}
	c := &Certificate{cert: cert, key: key, log: log, stamp: stamps(cert, key)}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, &pipeline.Error{
			Op: "read the server's certificate", Kind: pipeline.Invalid, Field: "tls-cert", Err: err,
			Hint: "name PEM files of a certificate, with those between it and its authority, and of its key",
		}
	}
	c.pair = &pair
	if time.Now().After(pair.Leaf.NotAfter) {
		log.Warn("the server's certificate has expired", "file", cert, "on", pair.Leaf.NotAfter)
	}
	return c, nil
}

// Config is TLS with this certificate, 1.2 or later. It names HTTP/2 itself: a server
// that also serves without TLS, and happens to begin with that, would offer HTTP/2
// and then hang up on whoever takes it.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

// Host is the first of hosts that the certificate is for, the last one where it
// is for none.
func (c *Certificate) Host(hosts ...string) string {
	leaf := c.current().Leaf
	for _, h := range hosts {
		if leaf.VerifyHostname(h) == nil {
			return h
		}
	}
	return hosts[len(hosts)-1]
}

// current is the certificate in the files as they are now; the last one that
// could be read, while they hold none: a file may be half written.
func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := stamps(c.cert, c.key)
	if now == c.stamp || now == c.broken {
		return c.pair
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		c.broken = now
		c.log.Warn("the server's certificate changed and cannot be read; the one before it is shown", "file", c.cert, "error", err)
		return c.pair
	}
	c.pair, c.stamp = &pair, now
	c.log.Info("the server's certificate was read again", "file", c.cert, "expires", pair.Leaf.NotAfter)
	return c.pair
}

func stamps(files ...string) (s [2]stamp) {
	for i, f := range files {
		if info, err := os.Stat(f); err == nil { // links followed, as Kubernetes swaps them
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}
