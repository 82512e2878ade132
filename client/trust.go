package client

import (
	"net/http"

	"github.com/kafkaml/kafkaml/shared/trust"
)

// Trusting is an HTTP client that trusts the authorities of a PEM file beside the
// system's. Nil, which stands for the default client, where file is empty.
func Trusting(file string) (*http.Client, error) {
	if file == "" {
		return nil, nil // the default
	}
	transport, err := trust.Transport("read the authority of the server", "ca", file)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: transport}, nil
}
