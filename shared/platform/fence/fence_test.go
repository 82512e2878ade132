package fence

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A machine whose kernel has too little of Landlock says which fences are missing.
func TestOldKernel(t *testing.T) {
	for version, want := range map[int]string{
		0: "files (the kernel has version 0 of Landlock, 3 is needed), network (the kernel has version 0 of Landlock, 4 is needed), signals (the kernel has version 0 of Landlock, 6 is needed)",
		4: "signals (the kernel has version 4 of Landlock, 6 is needed)",
		6: "", 12: "",
	} {
		r := Report{Missing: map[string]string{}}
		r.noteLandlock(version)
		if got := r.Lacks(); got != want {
			t.Errorf("version %d lacks %q, want %q", version, got, want)
		}
	}
	var e *pipeline.Error
	if err := Refusal("files (none)"); !errors.As(err, &e) || e.Kind != pipeline.Unavailable || !strings.Contains(e.Hint, Variable+"=some") {
		t.Errorf("%v", err)
	}
}

func TestPolicyIsKnown(t *testing.T) {
	if err := Raise(Fence{}, "on", slog.New(slog.NewTextHandler(io.Discard, nil))); pipeline.KindOf(err) != pipeline.Invalid {
		t.Errorf("%v", err)
	}
}

// A mounted Secret is read again once Kubernetes has renewed it; a file that
// somebody links to opens no folder.
func TestMountedSecretIsRenewed(t *testing.T) {
	mount, elsewhere := t.TempDir(), t.TempDir()
	token, link := filepath.Join(mount, "token"), filepath.Join(elsewhere, "token")
	if err := errors.Join(os.Symlink("..data/token", token), os.Symlink(token, link)); err != nil {
		t.Fatal(err)
	}
	for variable, folder := range map[string]string{"KAFKA_SASL_TOKEN_FILE=" + token: mount, "KAFKA_SASL_TOKEN_FILE=" + link: elsewhere} {
		if got, want := slices.Contains(Of([]string{variable}, "/tmp/scratch").Read, folder), folder == mount; got != want {
			t.Errorf("%s: reads the folder: %v", variable, got)
		}
	}
}

// What a process may reach follows from its variables.
func TestOfEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		variables []string
		connect   []uint16
		lookup    bool
		read      string
	}{
		"brokers by address":    {variables: []string{"KAFKA_BROKERS=127.0.0.1:9092,[::1]:9093"}, connect: []uint16{9092, 9093}},
		"brokers by name":       {variables: []string{"KAFKA_BROKERS=kafka-0.kafka:9092"}, connect: []uint16{9092}, lookup: true},
		"this machine by name":  {variables: []string{"K_SINK=http://localhost:8080/deploy-training/"}, connect: []uint16{8080}},
		"a standard port":       {variables: []string{"SCHEMA_REGISTRY_URL=https://user:secret@registry.example/api"}, connect: []uint16{443}, lookup: true},
		"the cluster's issuer":  {variables: []string{"KAFKAML_EVENTS_OIDC_ISSUER=https://kubernetes.default.svc.cluster.local"}, connect: []uint16{443, 6443}, lookup: true},
		"AWS":                   {variables: []string{"ARTIFACT_URL=s3://models?region=eu-west-1"}, connect: []uint16{80, 443}, lookup: true},
		"a store of one's own":  {variables: []string{"ARTIFACT_URL=s3://models?endpoint=http%3A%2F%2F10.0.0.1%3A9000"}, connect: []uint16{80, 443, 9000}, lookup: true},
		"a certificate":         {variables: []string{"KAFKA_TLS_CA=/etc/kafka/ca.pem"}, read: "/etc/kafka/ca.pem"},
		"a collector of traces": {variables: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://10.0.0.1:4318", "OTEL_EXPORTER_OTLP_CERTIFICATE=/etc/otel/ca.pem"}, connect: []uint16{4318}, read: "/etc/otel/ca.pem"},
		"what a trace says":     {variables: []string{"OTEL_RESOURCE_ATTRIBUTES=host=db:5432", "OTEL_EXPORTER_OTLP_HEADERS=x=db:5432"}},
		"what concerns others":  {variables: []string{"DATABASE_URL=postgres://db:5432/kafkaml", "SOMETHING=/root/.ssh/id"}},
		"a file, not all files": {variables: []string{"KAFKA_TLS_CA=/", "SSL_CERT_DIR=."}},
	} {
		t.Run(name, func(t *testing.T) {
			f := Of(c.variables, "/tmp/scratch")
			if !slices.Equal(sorted(f.Connect), c.connect) || f.Lookup != c.lookup {
				t.Errorf("connects to %v, looks names up: %v", f.Connect, f.Lookup)
			}
			if named := f.Read[len(system):]; c.read != "" && !slices.Contains(named, c.read) || c.read == "" && slices.ContainsFunc(named, func(p string) bool { return !strings.HasSuffix(p, ".aws") }) {
				t.Errorf("reads %q", named)
			}
		})
	}
}

// A child of a supervisor gets no variable that is not known to be harmless.
func TestAttackSecretsInEnvironment(t *testing.T) {
	given := []string{"KAFKA_BROKERS=k:1", "TF_NUM_INTRAOP_THREADS=1", "DATABASE_URL=postgres://u:p@h/d", "GITHUB_TOKEN=x", "TRACEPARENT=00-1", "KAFKAML_TOKENS=y", "SSH_AUTH_SOCK=/s", "KAFKAML_JOB={}", "PORT=1", "FUNCTION=page"}
	if got := Inherited(given); !slices.Equal(got, given[:2]) {
		t.Errorf("%q", got)
	}
}
