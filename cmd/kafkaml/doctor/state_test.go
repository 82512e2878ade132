package doctor

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/artifact/artifacttest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/version"
)

// environment is one where some variables are set.
func environment(set map[string]string) *cli.Env {
	env := &cli.Env{Out: io.Discard, Err: io.Discard, Now: time.Now, Getenv: func(name string) string { return set[name] }}
	env.GlobalFlags(pflag.NewFlagSet("doctor", pflag.ContinueOnError))
	return env
}

// What functions say of themselves is compared.
func TestVersionsAndRegistry(t *testing.T) {
	old := ""
	schema := 4
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		function, isAbout := strings.CutSuffix(strings.Trim(r.URL.Path, "/"), "/about")
		said := version.String()
		if function == old {
			said = "1.0"
		}
		switch {
		case r.URL.Path == "/config.json":
			fmt.Fprint(w, `{"functions": {}}`)
		case isAbout:
			fmt.Fprintf(w, `{"version": %q, "schema": %d, "knows": 4, "registry": {"bytes": 3145728, "events": 100123, "answers": 7, "audit": 9}}`, said, schema)
		}
	}))
	t.Cleanup(server.Close)
	env := environment(map[string]string{"KAFKAML_URL": server.URL})
	try := func(c check, want State, says string) {
		t.Helper()
		if got := limited(t.Context(), env, c); got.State != want || !strings.Contains(got.Detail, says) || got.State != OK && got.Mend == "" {
			t.Errorf("%+v", got)
		}
	}
	all := func() map[string]door.About { return abouts(t.Context(), env) }
	try(versions(all), OK, "all are "+version.String())
	try(registryState(all), OK, "schema 4, 3.0 MiB; 100,123 events, 7 answers and 9 lines of the audit")
	old, schema = "records", 5
	try(versions(all), Absent, "1.0: records")
	try(registryState(all), Missing, "it has schema 5, model-register knows up to 4")
	server.Close()
	env = environment(map[string]string{"KAFKAML_URL": server.URL})
	try(registryState(all), OK, "not looked at")
}

// Where nothing runs, what the server would do is optional. What runs and cannot work,
// since its registry is away, is missing, and doctor says so by its exit code, too.
func TestServerThatCannotWork(t *testing.T) {
	away := true
	running := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/config.json":
			fmt.Fprint(w, `{"functions": {}}`)
		case away && r.URL.Path == "/control-log/health/readiness":
			door.Problem(w, &pipeline.Error{Op: "registry", Kind: pipeline.Unavailable, Reason: "PostgreSQL at db:5432 cannot be reached", Hint: "see that the server runs"})
		}
	}))
	t.Cleanup(running.Close)
	env := environment(map[string]string{"KAFKAML_URL": running.URL})
	try := func(want State, says string) {
		t.Helper()
		got := limited(t.Context(), env, server)
		if got.State != want || !strings.Contains(got.Detail, says) || got.State != OK && got.Mend == "" {
			t.Errorf("%+v", got)
		}
		if failed := verdict([]Finding{got}) != nil; failed != (want == Missing) {
			t.Errorf("exit code of %s: failed is %t", got.State, failed)
		}
	}
	try(Missing, "control-log: PostgreSQL at db:5432 cannot be reached")
	away = false
	try(OK, "every function")
	running.Close()
	env = environment(map[string]string{"KAFKAML_URL": running.URL})
	try(Absent, "refused")
}

// The store is written and read, and left as it was.
func TestStoreIsTried(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "artifacts")
	try := func(env map[string]string, want State, says string) {
		t.Helper()
		env["KAFKAML_DATA"] = dir
		if got := limited(t.Context(), environment(env), store); got.State != want || !strings.Contains(got.Detail, says) || got.State != OK && got.Mend == "" {
			t.Errorf("%+v", got)
		}
	}
	try(map[string]string{}, OK, "not looked at")
	if _, err := os.Stat(folder); err == nil {
		t.Error("a folder was made")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	try(map[string]string{}, OK, "is written, read and deleted, ")
	s3 := artifacttest.S3(t)
	try(map[string]string{"ARTIFACT_URL": s3}, OK, "s3://models is written")
	try(map[string]string{"ARTIFACT_URL": strings.Replace(s3, "models", "gone", 1)}, Missing, "no such bucket")
	s, err := artifact.Open(t.Context(), "file://"+folder)
	if err != nil {
		t.Fatal(err)
	}
	for key, err := range s.Blobs(t.Context(), "doctor") {
		t.Errorf("it left %s, %v", key, err)
	}
	if err := errors.Join(s.Put(t.Context(), "restoring", strings.NewReader("x")), s.Close()); err != nil {
		t.Fatal(err)
	}
	try(map[string]string{}, Missing, "a backup was being restored here")
	if err := errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	try(map[string]string{}, Missing, "cannot be opened")
}
