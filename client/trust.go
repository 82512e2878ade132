package client

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Trusting is an HTTP client that trusts the authorities of a PEM file beside the
// system's. Nil, which stands for the default client, where file is empty.
func Trusting(file string) (*http.Client, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // the default
	}
	pem, err := os.ReadFile(file) // #nosec G304 -- who calls names it
	if err != nil {
		return nil, &pipeline.Error{Op: "read the authority of the server", Kind: pipeline.Invalid, Field: "ca", Err: err}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, pipeline.Invalidf("ca", "%s holds no PEM certificate", file)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return &http.Client{Transport: transport}, nil
}
