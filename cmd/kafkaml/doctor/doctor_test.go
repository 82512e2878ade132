package doctor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// What the environment names is asked, and what does not answer says how that is
// mended.
func TestServersOfTheEnvironment(t *testing.T) {
	living := streamtest.Cluster(t).Config().Brokers[0]
	answering := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `["AVRO"]`)
	}))
	t.Cleanup(answering.Close)
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	for name, test := range map[string]struct {
		check check
		env   map[string]string
		want  State
		says  string
	}{
		"no registry":          {schemaRegistry, nil, OK, "SCHEMA_REGISTRY_URL is not set"},
		"a registry":           {schemaRegistry, map[string]string{"SCHEMA_REGISTRY_URL": answering.URL, "SCHEMA_REGISTRY_TOKEN": "token"}, OK, "answers"},
		"another token":        {schemaRegistry, map[string]string{"SCHEMA_REGISTRY_URL": answering.URL, "SCHEMA_REGISTRY_TOKEN": "old"}, Missing, "credentials"},
		"a registry gone":      {schemaRegistry, map[string]string{"SCHEMA_REGISTRY_URL": nobody.URL}, Missing, "does not answer"},
		"no URL of a registry": {schemaRegistry, map[string]string{"SCHEMA_REGISTRY_URL": "registry:8081"}, Missing, "URL"},
		"no broker":            {broker, nil, OK, "KAFKA_BROKERS is not set"},
		"a broker":             {broker, map[string]string{"KAFKA_BROKERS": living}, OK, "answers"},
		"a broker gone":        {broker, map[string]string{"KAFKA_BROKERS": strings.TrimPrefix(nobody.URL, "http://")}, Missing, "refused"},
		"a broker's settings":  {broker, map[string]string{"KAFKA_BROKERS": living, "KAFKA_TLS": "perhaps"}, Missing, "KAFKA_TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			env := &cli.Env{Out: io.Discard, Err: io.Discard, Getenv: func(name string) string { return test.env[name] }}
			got := limited(t.Context(), env, test.check)
			if got.State != test.want || !strings.Contains(got.Detail, test.says) || got.State != OK && got.Mend == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}
