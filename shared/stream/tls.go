package stream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/trust"
)

// TLS is the encryption of the connections. The paths are PEM files; without CA
// the system's roots are trusted, without Cert no client certificate is shown.
type TLS struct {
	Enabled       bool
	CA, Cert, Key string
}

func readTLS(getenv func(string) string) (TLS, error) {
	t := TLS{CA: getenv(envCA), Cert: getenv(envCert), Key: getenv(envKey)}
	switch strings.ToLower(getenv(envTLS)) {
	case "true", "1", "yes", "on":
		t.Enabled = true
	case "false", "0", "no", "off":
	case "":
		t.Enabled = t.CA != "" || t.Cert != ""
	default:
		return t, pipeline.Invalidf(envTLS, "%q is neither true nor false", getenv(envTLS)).
			WithHint("set it to true for a broker that wants TLS, or leave it out")
	}
	if (t.Cert == "") != (t.Key == "") {
		return t, pipeline.Invalidf(envCert, "a client certificate needs both %s and %s", envCert, envKey)
	}
	return t, nil
}

// config is what connections are made with, nil without TLS. The client
// certificate is read for each connection, so that one which was renewed is shown
// without a restart.
func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	roots, err := trust.Roots(envCA, t.CA)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if t.Cert == "" {
		return c, nil
	}
	first, err := t.pair()
	if err != nil {
		return nil, err
	}
	var last atomic.Pointer[tls.Certificate]
	last.Store(first)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if now, err := t.pair(); err == nil { // else it is being written: the one before may still do
			last.Store(now)
		}
		return last.Load(), nil
	}
	return c, nil
}

func (t TLS) pair() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, &pipeline.Error{
			Kind: pipeline.Invalid, Field: envCert, Err: fmt.Errorf("client certificate: %w", err),
			Hint: "name PEM files of a certificate and of its key by " + envCert + " and " + envKey,
		}
	}
	return &pair, nil
}

// untrusted says why a server's certificate was refused, and which variable is to
// be set: address names the server, ca the file of its authority. It is empty
// where err is something else.
func untrusted(server string, err error, address, ca string) (reason, hint string) {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var failed *tls.CertificateVerificationError
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("%s has a TLS certificate for other names: %v", server, err),
			fmt.Sprintf("name it in %s as its certificate does (%s), or have it certified for this name", address, strings.Join(namesOf(name.Certificate), ", "))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("%s has a TLS certificate that is valid from %s to %s only", server, invalid.Cert.NotBefore.Format(time.DateTime), invalid.Cert.NotAfter.Format(time.DateTime)),
			fmt.Sprintf("renew the certificate of %q, in %s too where that names its authority; if it is not expired, set this machine's clock, which says %s", invalid.Cert.Subject, ca, time.Now().UTC().Format(time.DateTime))
	case errors.As(err, &authority), errors.As(err, &invalid), errors.As(err, &failed):
		return fmt.Sprintf("%s has a TLS certificate that is not trusted: %v", server, err), "set " + ca + " to the file of the authority that signed it"
	}
	return "", ""
}

// namesOf are the names that a certificate is for.
func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"it names none"}
	}
	return names
}

// notTaken says why a broker ended a TLS connection because of our certificate;
// empty where it did not. TLS says so by an alert.
func (t TLS) notTaken(err error) (reason, hint string) {
	var refused *net.OpError
	switch {
	case !errors.As(err, &refused) || refused.Op != "remote error": // so crypto/tls marks alerts
		return "", ""
	case t.Cert == "":
		return fmt.Sprintf("wants a client certificate (%v)", refused), "set " + envCert + " and " + envKey
	}
	pair, failed := t.pair()
	if failed == nil && pair.Leaf != nil && time.Now().After(pair.Leaf.NotAfter) {
		return fmt.Sprintf("does not take the client certificate, which expired on %s", pair.Leaf.NotAfter.Format(time.DateTime)), "renew the certificate in " + envCert
	}
	return fmt.Sprintf("does not take the client certificate (%v)", refused), "see that " + envCert + " is signed by an authority that the broker trusts"
}
