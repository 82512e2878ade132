package e2e

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/artifact/artifacttest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// secrets are what the installation of a test knows, by what holds them.
type secrets map[string]string

// found are those that stand in a text.
func (s secrets) found(text string) (names []string) {
	for name, mark := range s {
		if strings.Contains(text, mark) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestAttackSecrets runs the pipeline over a Kafka that demands TLS and a token,
// with a secret in each setting that may hold one, and reads as somebody on the
// machine, or with rights to look, all that it says: no secret is in a log, an
// event, a row, an answer, a record or a command line, nor in the environment of a
// process that has no use for it.
func TestAttackSecrets(t *testing.T) {
	kafka := streamtest.NewSecured(t)
	marks := secrets{
		"Kafka's password": streamtest.Password, "the database's password": "db-secret-51c2", "the schema registry's password": "sr-secret-9e0b",
		"S3's key": "test-secret", "the login's secret": "oidc-secret-d44d", "an unrelated variable": "other-secret-77aa",
	}
	url := marked(t, registrytest.Postgres(t), marks["the database's password"])
	cert, key, _, err := kafka.Authority.Issue("page", time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	way := kafka.Ways()[stream.OAuthBearer]
	m := &machine{t: t, dir: folder(t), port: freePort(t), kafkaPort: freePort(t), ca: kafka.Authority.File, env: append(
		way.Env(), "DATABASE_URL="+url, "ARTIFACT_URL="+artifacttest.S3(t), "KAFKAML_TLS_CERT="+cert, "KAFKAML_TLS_KEY="+key, "KAFKAML_CA="+kafka.Authority.File,
		"KAFKAML_OIDC_CLIENT_SECRET="+marks["the login's secret"], "SOMEBODYS_TOKEN="+marks["an unrelated variable"],
		"SCHEMA_REGISTRY_URL=http://127.0.0.1:1", "SCHEMA_REGISTRY_USERNAME=kafkaml", "SCHEMA_REGISTRY_PASSWORD="+marks["the schema registry's password"],
	)}
	m.begin()
	if !strings.HasPrefix(m.URL, "https://127.0.0.1:") {
		t.Errorf("serves at %s", m.URL)
	}
	said := walkWithSecrets(t, m, marks)
	for name, way := range kafka.Ways() {
		out, _, _ := m.tryWith(way.Env(), "doctor")
		said += out
		if !strings.Contains(out, way.Brokers[0]+" answers") {
			t.Errorf("doctor by %s:\n%s", name, out)
		}
	}
	wrong := way
	wrong.SASL.Password = "guess"
	out, _, code := m.tryWith(wrong.Env(), "doctor")
	if code == 0 || !strings.Contains(out, "KAFKA_SASL_PASSWORD") {
		t.Errorf("doctor with a wrong secret: exit code %d\n%s", code, out)
	}
	if names := marks.found(said + out + m.said.String()); names != nil {
		t.Errorf("commands print %v", names)
	}
	commandLines(t, m, marks)
	m.end(syscall.SIGINT)
	inRows(t, url, marks)
	inFiles(t, m, marks)
}

// marked gives a database a role of its own, with a password that is looked for.
func marked(t *testing.T, url, password string) string {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE ROLE kafkaml_marked LOGIN SUPERUSER PASSWORD '"+password+"'"); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(url, "postgres:postgres@", "kafkaml_marked:"+password+"@", 1)
}

// walkWithSecrets trains, serves by both deliveries and fails in some ways; it
// gives all that the commands printed.
func walkWithSecrets(t *testing.T, m *machine, marks secrets) (said string) {
	t.Helper()
	try := func(args ...string) {
		out, failed, _ := m.try(args...)
		said += out + failed
	}
	m.model("small", "small.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "small")
	deployment := m.created("deployments", "create", "--configuration", "one", "--batch-size", "10", "--training-kwargs", "epochs=60, verbose=0")
	m.kafkaml("stream", "send", m.pointsFile(600), "--label", "class", "--format", "RAW", "--topic", "points", "--deployment", deployment)
	environment(t, m, trainer, marks)
	results := m.finished(deployment, 1)
	var names []string
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		in, out := string(delivery)+"-in", string(delivery)+"-out"
		id := m.created("inferences", "create", "--result", fmt.Sprint(results[0].ID), "--engine", "onnx", "--delivery", string(delivery), "--input-topic", in, "--output-topic", out, "--watch")
		names = append(names, jsonOf[pipeline.Inference](m, "inferences", "show", id).Name)
		m.kafkaml("stream", "send", m.pointsFile(20), "--label", "class", "--format", "RAW", "--topic", in, "--predict")
		said += m.kafkaml("stream", "tail", out, "--from", "earliest", "--count", "20", "--wait", "120s", "-o", "json")
	}
	environment(t, m, predictor, marks)
	environment(t, m, zygote, marks)
	try("models", "create", "--name", "broken", "-f", m.source("predict.py"))
	try("inferences", "create", "--result", "999", "--input-topic", "x", "--output-topic", "y")
	try("datasources", "create", "--topic", "absent", "--deployment", deployment, "--format", "JSON", "--since", "1h")
	said += watched(t, m, names...)
	for _, list := range []string{"models", "configurations", "deployments", "datasources", "results", "inferences", "topics"} {
		try(list, "list", "-o", "json")
	}
	return said
}

// environment wants a running child to hold none but the secrets that it uses.
func environment(t *testing.T, m *machine, kind string, marks secrets) {
	t.Helper()
	uses := []string{"Kafka's password", "S3's key", "the schema registry's password"}
	if kind == zygote {
		uses = nil
	}
	within(t, waitTime, "the environment of "+kind, func() (string, bool) {
		c := m.one(kind)
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", c.pid))
		if err != nil || len(text) == 0 {
			return fmt.Sprint(err), false // it has just ended
		}
		for _, name := range marks.found(string(text)) {
			if !slices.Contains(uses, name) {
				t.Errorf("%s has %s in its environment", kind, name)
			}
		}
		return "", true
	})
}

// commandLines wants no secret where ps shows it.
func commandLines(t *testing.T, m *machine, marks secrets) {
	t.Helper()
	self, _ := look(m.running.Process.Pid)
	for _, c := range append(m.children(""), self) {
		if names := marks.found(c.command); names != nil {
			t.Errorf("ps shows %v of %s", names, c.command)
		}
	}
}

// inRows reads every row of the registry: resources, events, answers.
func inRows(t *testing.T, url string, marks secrets) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := func(query string) (found []string) {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			found = append(found, text)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return found
	}
	read := 0
	for _, table := range all("SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'") {
		for _, row := range all("SELECT t::text FROM " + table + " t") {
			read++
			if names := marks.found(row); names != nil {
				t.Errorf("%s holds %v: %s", table, names, row)
			}
		}
	}
	if read < 20 {
		t.Errorf("only %d rows were looked at", read)
	}
}

// inFiles reads the logs of all processes, and what else lies in the folder.
func inFiles(t *testing.T, m *machine, marks secrets) {
	t.Helper()
	logs := 0
	err := filepath.WalkDir(m.path("data"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".log") {
			logs++
		}
		if names := marks.found(string(text)); names != nil {
			t.Errorf("%s holds %v", path, names)
		}
		return nil
	})
	if err != nil || logs < 4 { // kafkaml, a training, two inferences
		t.Errorf("%d logs were read: %v", logs, err)
	}
}
