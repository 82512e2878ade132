// Package schemas is kafkaml's side of a schema registry (Confluent's API, which
// Karapace, Apicurio and Redpanda speak, too): it fetches the schemas that
// records name by their ids, and remembers them.
//
// Where the registry is and who we are to it are settings of the installation,
// never of a message or a form: who may send those could have requests made in
// its name.
package schemas

import (
	"crypto/tls"
	"net/url"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/trust"
)

// Config says where the registry is and who we are to it. The zero Config is no
// registry. The paths are PEM files.
type Config struct {
	URLs               []string // of one registry, each tried in turn
	Username, Password string   // basic authentication
	Token              string   // a bearer's
	CA, Cert, Key      string
}

// The environment variables that FromEnv reads and Env writes.
const (
	envURL      = "SCHEMA_REGISTRY_URL" // comma-separated
	envUsername = "SCHEMA_REGISTRY_USERNAME"
	envPassword = "SCHEMA_REGISTRY_PASSWORD" // #nosec G101 -- a name
	envToken    = "SCHEMA_REGISTRY_TOKEN"    // #nosec G101 -- a name
	envCA       = "SCHEMA_REGISTRY_TLS_CA"
	envCert     = "SCHEMA_REGISTRY_TLS_CERT"
	envKey      = "SCHEMA_REGISTRY_TLS_KEY"
)

// FromEnv reads a Config from environment variables and checks it.
func FromEnv(getenv func(string) string) (Config, error) {
	c := Config{
		Username: getenv(envUsername), Password: getenv(envPassword), Token: getenv(envToken),
		CA: getenv(envCA), Cert: getenv(envCert), Key: getenv(envKey),
	}
	for text := range strings.SplitSeq(getenv(envURL), ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if err := checkURL(text); err != nil {
			return c, err
		}
		c.URLs = append(c.URLs, text)
	}
	if c.Username != "" && c.Token != "" {
		return c, pipeline.Invalidf(envToken, "is set, and so is %s", envUsername).WithHint("set one of them")
	}
	if (c.Cert == "") != (c.Key == "") {
		return c, pipeline.Invalidf(envCert, "a client certificate needs both %s and %s", envCert, envKey)
	}
	if !c.Set() {
		return Config{}, nil
	}
	_, err := c.tls()
	return c, err
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme):
		return pipeline.Invalidf(envURL, "is not an http or https URL").WithHint("as https://registry.example.com:8081")
	case u.User != nil:
		return pipeline.Invalidf(envURL, "holds a user name").WithHint("set %s and %s instead: a URL is shown in messages", envUsername, envPassword)
	case u.RawQuery != "" || u.Fragment != "":
		return pipeline.Invalidf(envURL, "has a query or a fragment").WithHint("as https://registry.example.com:8081")
	}
	return nil
}

// Set reports whether there is a registry.
func (c Config) Set() bool { return len(c.URLs) > 0 }

// Env is the Config as variables for a child process: FromEnv reads it back.
func (c Config) Env() []string {
	if !c.Set() {
		return nil
	}
	env := []string{envURL + "=" + strings.Join(c.URLs, ",")}
	for _, v := range []struct{ name, value string }{
		{envUsername, c.Username}, {envPassword, c.Password}, {envToken, c.Token}, {envCA, c.CA}, {envCert, c.Cert}, {envKey, c.Key},
	} {
		if v.value != "" {
			env = append(env, v.name+"="+v.value)
		}
	}
	return env
}

func (c Config) tls() (*tls.Config, error) {
	roots, err := trust.Roots(envCA, c.CA)
	if err != nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, &pipeline.Error{Kind: pipeline.Invalid, Field: envCert, Err: err}
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}
