package door

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// certify writes a certificate of number n for name, and its key.
func certify(t *testing.T, cert, key string, n int64, name string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(n), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		stamp := time.Unix(n, 0) // a clock of seconds, as some file systems have
		if err := os.Chtimes(file, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
}

// A server with a certificate answers by HTTP/2, though the same server has begun to
// serve without TLS before.
func TestTLSBesidePlainHTTP(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	certify(t, cert, key, 1, "ml.example")
	c, err := OpenCertificate(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	server.Config.TLSConfig = c.Config()
	server.Start()
	defer server.Close()
	if _, err := server.Client().Get(server.URL); err != nil { // it serves
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Config.ServeTLS(l, "", "")                                                                          // it ends with the server
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- what it shows is another test's
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("answered by %s", resp.Proto)
	}
}

// A certificate that is renewed is shown to the next who connects; one that is
// half written is not.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	certify(t, cert, key, 1, "ml.example")
	c, err := OpenCertificate(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", c.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // shows itself at the client
			_ = conn.Close()
		}
	}()
	shown := func() int64 {
		t.Helper()
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}) // #nosec G402 -- which one is it?
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := shown(); n != 1 {
		t.Errorf("shows %d", n)
	}
	certify(t, cert, key, 2, "ml.example")
	if n := shown(); n != 2 {
		t.Errorf("shows %d after it was renewed", n)
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := shown(); n != 2 {
		t.Errorf("shows %d while the file is being written", n)
	}
	certify(t, cert, key, 3, "ml.example")
	if n := shown(); n != 3 {
		t.Errorf("shows %d once the file is whole", n)
	}
	for want, hosts := range map[string][]string{"ml.example": {"*.example", "ml.example", "127.0.0.1"}, "127.0.0.1": {"other.example", "127.0.0.1"}} {
		if got := c.Host(hosts...); got != want {
			t.Errorf("of %v it is reached at %q", hosts, got)
		}
	}
}

func TestCertificateOfOneFile(t *testing.T) {
	if c, err := OpenCertificate("", "", nil); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	for name, files := range map[string][2]string{"no key": {"/cert.pem", ""}, "no certificate": {"", "/key.pem"}, "absent": {"/cert.pem", "/key.pem"}} {
		if _, err := OpenCertificate(files[0], files[1], nil); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
