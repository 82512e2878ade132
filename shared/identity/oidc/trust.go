package oidc

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// trusting is the transport to an issuer: it trusts the authority that c names
// beside those of the system.
func trusting(c Config) (http.RoundTripper, error) {
	if c.CA == "" {
		return http.DefaultTransport, nil
	}
	pem, err := os.ReadFile(c.CA) // #nosec G304 -- the operator names it
	if err != nil {
		return nil, &pipeline.Error{Op: "read the authority of the issuer", Kind: pipeline.Invalid, Field: c.variable("CA"), Err: err}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, pipeline.Invalidf(c.variable("CA"), "%s holds no PEM certificate", c.CA)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return transport, nil
}
