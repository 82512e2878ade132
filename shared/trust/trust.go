// Package trust reads the authorities that settings name in PEM files.
package trust

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Roots are the authorities of a file alone; nil, which stands for the system's,
// where file is empty. The error is Invalid and names field.
func Roots(field, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil // the system's
	}
	roots := x509.NewCertPool()
	return roots, add(roots, "", field, file)
}

// Transport trusts the authorities of a file beside the system's; it is
// http.DefaultTransport where file is empty. The error is Invalid, names field, and
// says by op what was to be read.
func Transport(op, field, file string) (http.RoundTripper, error) {
	if file == "" {
		return http.DefaultTransport, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return transport, add(roots, op, field, file)
}

func add(roots *x509.CertPool, op, field, file string) error {
	pem, err := os.ReadFile(file) // #nosec G304 -- who sets it names it
	if err != nil {
		return &pipeline.Error{Op: op, Kind: pipeline.Invalid, Field: field, Err: err}
	}
	if !roots.AppendCertsFromPEM(pem) {
		return pipeline.Invalidf(field, "%s holds no PEM certificate", file)
	}
	return nil
}
