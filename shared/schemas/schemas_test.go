package schemas_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/schemas/schemastest"
)

func client(t *testing.T, c schemas.Config) *schemas.Client {
	t.Helper()
	client, err := schemas.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// A real registry gives a schema with those that it refers to, one of 1 MB and
// one that holds itself, and says which it does not know.
func TestSchemasOfARegistry(t *testing.T) {
	url := schemastest.Registry(t)
	registry := schemastest.Client(t, url)
	register := func(subject string, s sr.Schema) uint32 {
		t.Helper()
		added, err := registry.CreateSchema(t.Context(), subject, s)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(added.ID)
	}
	const (
		point = `{"type":"record","name":"Point","namespace":"geo","fields":[{"name":"lat","type":"double"}]}`
		route = `{"type":"record","name":"Route","namespace":"geo","fields":[{"name":"from","type":"geo.Point"},{"name":"next","type":["null","geo.Route"],"default":null}]}`
	)
	large := `{"type":"record","name":"Large","doc":"` + strings.Repeat("x", 1<<20) + `","fields":[{"name":"a","type":"int"}]}`
	register("point", sr.Schema{Schema: point})
	refers := register("route", sr.Schema{Schema: route, References: []sr.SchemaReference{{Name: "geo.Point", Subject: "point", Version: 1}}})
	big := register("large", sr.Schema{Schema: large})
	c := client(t, schemas.Config{URLs: []string{url}})
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if s, err := c.Schema(t.Context(), refers); err != nil || !strings.Contains(s.Text, "geo.Route") || len(s.References) != 1 || !strings.Contains(s.References[0], "lat") {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := c.Schema(t.Context(), big); err != nil || len(s.Text) < 1<<20 || s.Type != "AVRO" {
		t.Errorf("%d bytes of %s, %v", len(s.Text), s.Type, err)
	}
	for _, id := range []uint32{0, 999_999, math.MaxInt32, 4_000_000_000} {
		_, err := c.Schema(t.Context(), id)
		if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), fmt.Sprintf("knows no schema %d", id)) {
			t.Errorf("an unknown id: %v", err)
		}
	}
}

// What is no registry, or one that does not know us, is no fault of a record.
func TestWhatIsNoRegistry(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect to another host was followed") }))
	t.Cleanup(elsewhere.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a page":       {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "is no schema registry"},
		"another path": {http.NotFound, "status 404"},
		"no schema":    {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, "without a schema"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
		}, "is not followed"},
		"too much": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"schema":"`+strings.Repeat("x", 9<<20)+`"}`)
		}, "more than 8 MiB"},
		"a failure": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no leader", http.StatusInternalServerError)
		}, "status 500: no leader"},
		"refused credentials": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "refuses our credentials"},
		"nobody":              {nil, "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			url := gone.URL
			if test.answer != nil {
				server := httptest.NewServer(test.answer)
				t.Cleanup(server.Close)
				url = server.URL
			}
			_, err := client(t, schemas.Config{URLs: []string{url}}).Schema(t.Context(), 1)
			var known *pipeline.Error
			if !errors.As(err, &known) || known.Kind != pipeline.Unavailable || !strings.Contains(known.Reason, test.want) || known.Hint == "" {
				t.Errorf("got %v", err)
			}
			if refused := name == "refused credentials"; errors.Is(err, schemas.ErrRefused) != refused {
				t.Errorf("credentials: %v", err)
			}
		})
	}
}

// Many records that name a schema ask for it once, with our credentials.
func TestASchemaIsAskedForOnce(t *testing.T) {
	for want, config := range map[string]schemas.Config{
		"Basic YWRhOmxvdmVsYWNl": {Username: "ada", Password: "lovelace"},
		"Bearer token":           {Token: "token"},
	} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("authorization %q", got)
			}
			asked.Add(1)
			fmt.Fprint(w, `{"schema":"\"int\""}`)
		}))
		t.Cleanup(server.Close)
		config.URLs = []string{server.URL + "/below"}
		c := client(t, config)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if s, err := c.Schema(t.Context(), 5); err != nil || s.Text != `"int"` {
					t.Errorf("%v, %v", s, err)
				}
			})
		}
		all.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	}
}

func TestSettings(t *testing.T) {
	whole := map[string]string{
		"SCHEMA_REGISTRY_URL": "https://a.example:8081, http://b.example/apis/ccompat/v7", "SCHEMA_REGISTRY_USERNAME": "ada", "SCHEMA_REGISTRY_PASSWORD": "lovelace",
	}
	c, err := schemas.FromEnv(func(name string) string { return whole[name] })
	if err != nil || len(c.URLs) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	again := map[string]string{}
	for _, v := range c.Env() {
		name, value, _ := strings.Cut(v, "=")
		again[name] = value
	}
	if back, err := schemas.FromEnv(func(name string) string { return again[name] }); err != nil || !slices.Equal(back.URLs, c.URLs) || back.Password != c.Password {
		t.Errorf("%+v, %v", back, err)
	}
	if none, err := schemas.FromEnv(func(string) string { return "" }); err != nil || none.Set() || len(none.Env()) > 0 {
		t.Errorf("%+v, %v", none, err)
	}
	for name, set := range map[string]map[string]string{
		"no http":         {"SCHEMA_REGISTRY_URL": "file:///etc/passwd"},
		"no host":         {"SCHEMA_REGISTRY_URL": "registry:8081"},
		"a password":      {"SCHEMA_REGISTRY_URL": "http://ada:lovelace@a.example"},
		"a query":         {"SCHEMA_REGISTRY_URL": "http://a.example/?x=1"},
		"two identities":  {"SCHEMA_REGISTRY_URL": "http://a.example", "SCHEMA_REGISTRY_USERNAME": "ada", "SCHEMA_REGISTRY_TOKEN": "t"},
		"half a pair":     {"SCHEMA_REGISTRY_URL": "https://a.example", "SCHEMA_REGISTRY_TLS_CERT": "/cert"},
		"no such CA file": {"SCHEMA_REGISTRY_URL": "https://a.example", "SCHEMA_REGISTRY_TLS_CA": "/no/such/file"},
	} {
		_, err := schemas.FromEnv(func(name string) string { return set[name] })
		if pipeline.KindOf(err) != pipeline.Invalid || strings.Contains(err.Error(), "lovelace") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A registry that asks for a client's certificate is told ours, and believed by
// its own alone.
func TestRegistryOfMutualTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"schema":"\"int\""}`) }))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	pair := server.TLS.Certificates[0] // each side is known by the same one
	server.TLS.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		if !bytes.Equal(raw[0], pair.Certificate[0]) {
			return errors.New("another certificate")
		}
		return nil
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	written := func(kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), "pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ours, secret := written("CERTIFICATE", pair.Certificate[0]), written("PRIVATE KEY", key)
	for name, test := range map[string]struct {
		config schemas.Config
		want   string // of the error
	}{
		"both":           {schemas.Config{CA: ours, Cert: ours, Key: secret}, ""},
		"no certificate": {schemas.Config{CA: ours}, "certificate"},
		"no CA":          {schemas.Config{Cert: ours, Key: secret}, "certificate"},
	} {
		test.config.URLs = []string{server.URL}
		c, err := schemas.FromEnv(func(name string) string {
			for _, v := range test.config.Env() {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client(t, c).Schema(t.Context(), 1); test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
