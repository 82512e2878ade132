// Package manifests_test holds what the overlays render to.
package manifests_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

var overlays = []string{"cluster", "dev", "gpu", "tenant"}

// render gives what `kubectl apply -k` would apply.
func render(t *testing.T, overlay string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../kustomize.mod", "kustomize", "build", filepath.Join("overlays", overlay))
	var problem strings.Builder
	c.Stderr = &problem
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, problem.String())
	}
	return string(out)
}

func TestRendered(t *testing.T) {
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			got := render(t, overlay)
			golden := filepath.Join("testdata", overlay+".yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the overlay renders otherwise (`make manifests` writes the golden files anew):\n%s", diff)
			}
		})
	}
}

// object is what the rules below read of a manifest.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name, Namespace string
		Labels          map[string]string
	} `json:"metadata"`
	Rules []struct {
		APIGroups []string `json:"apiGroups"`
		Resources []string `json:"resources"`
		Verbs     []string `json:"verbs"`
	} `json:"rules"`
	Spec struct {
		Template struct {
			Spec podSpec `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
}

type podSpec struct {
	ServiceAccountName string `json:"serviceAccountName"`
	SecurityContext    struct {
		RunAsNonRoot   bool              `json:"runAsNonRoot"`
		SeccompProfile map[string]string `json:"seccompProfile"`
	} `json:"securityContext"`
	Containers []struct {
		Name            string `json:"name"`
		SecurityContext struct {
			RunAsNonRoot             bool                `json:"runAsNonRoot"`
			AllowPrivilegeEscalation *bool               `json:"allowPrivilegeEscalation"`
			Capabilities             map[string][]string `json:"capabilities"`
			SeccompProfile           map[string]string   `json:"seccompProfile"`
		} `json:"securityContext"`
	} `json:"containers"`
}

func objects(t *testing.T, text string) (all []object) {
	t.Helper()
	for document := range strings.SplitSeq(text, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// Nothing of a tenant lies beyond its namespace or bears a name that another's has:
// what it shares with others, of Kafka and of the store, begins with its own.
func TestTenant(t *testing.T) {
	const tenant = "team-b"
	text, err := os.ReadFile(filepath.Join("testdata", "tenant.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var source, settings map[string]any
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var o struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
			Subjects []struct{ Namespace string }
			Data     map[string]any
			Spec     map[string]any
		}
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatal(err)
		}
		if o.Kind == "Namespace" {
			o.Metadata.Namespace = o.Metadata.Name
		}
		if o.Metadata.Namespace != tenant || strings.HasPrefix(o.Kind, "Cluster") {
			t.Errorf("%s %s is in %q", o.Kind, o.Metadata.Name, o.Metadata.Namespace)
		}
		for _, s := range o.Subjects {
			if s.Namespace != tenant {
				t.Errorf("%s gives rights to accounts of %q", o.Metadata.Name, s.Namespace)
			}
		}
		switch o.Kind {
		case "KafkaSource":
			source = o.Spec
		case "ConfigMap":
			settings = o.Data
		}
	}
	getenv := func(name string) string { value, _ := settings[name].(string); return value }
	if getenv(pipeline.TenantVariable) != tenant || source["consumerGroup"] != pipeline.ControlGroup(tenant) ||
		!cmp.Equal(source["topics"], []any{getenv("CONTROL_TOPIC")}) || getenv("CONTROL_TOPIC") != pipeline.OfTenant(tenant, "control") {
		t.Errorf("source: %v", source)
	}
	for _, name := range []string{"ARTIFACT_URL", "K_SINK", "FUNCTIONS_URL"} {
		if !strings.Contains(getenv(name), tenant) {
			t.Errorf("%s is %s", name, getenv(name))
		}
	}
	read, write, err := identity.ReadTopics(getenv)
	if err != nil {
		t.Fatal(err)
	}
	for _, may := range []identity.Topics{read, write} {
		operator := identity.Principal{Role: identity.Operator}
		if may.Allow(operator, "topic", "team-b.points") != nil || may.Allow(operator, "topic", "points") == nil || may.Allow(operator, "topic", "team-bb.points") == nil {
			t.Error("topics of others may be used")
		}
	}
}

// Every pod meets the pod security standard "restricted", which the namespace
// enforces.
func TestRestricted(t *testing.T) {
	for _, o := range objects(t, render(t, "dev")) {
		if o.Kind == "Namespace" && o.Metadata.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
			t.Errorf("namespace %s: %v", o.Metadata.Name, o.Metadata.Labels)
		}
		pod := o.Spec.Template.Spec
		for _, c := range pod.Containers {
			s := c.SecurityContext
			if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !slices.Contains(s.Capabilities["drop"], "ALL") ||
				!s.RunAsNonRoot && !pod.SecurityContext.RunAsNonRoot || s.SeccompProfile == nil && pod.SecurityContext.SeccompProfile == nil {
				t.Errorf("%s %s, container %q is not restricted", o.Kind, o.Metadata.Name, c.Name)
			}
		}
	}
}

// Only the two deploying functions may write to the cluster, and neither may
// read a Secret.
func TestRights(t *testing.T) {
	writers := map[string]bool{}
	for _, o := range objects(t, render(t, "cluster")) {
		if o.Kind == "ClusterRole" || o.Kind == "ClusterRoleBinding" {
			t.Errorf("%s %s reaches beyond the namespace", o.Kind, o.Metadata.Name)
		}
		for _, r := range o.Rules {
			if slices.Contains(r.Resources, "secrets") || slices.Contains(r.Resources, "*") || slices.Contains(r.Verbs, "*") {
				t.Errorf("role %s: %+v", o.Metadata.Name, r)
			}
			writers[o.Metadata.Name] = true
		}
		if name := o.Metadata.Name; o.Kind == "Service" && o.Spec.Template.Spec.ServiceAccountName != "" {
			deploys := name == "deploy-training" || name == "deploy-inference"
			if account := o.Spec.Template.Spec.ServiceAccountName; deploys && account != name || !deploys && account != "kafkaml-worker" {
				t.Errorf("%s runs by %s", name, account)
			}
		}
	}
	if len(writers) != 2 || !writers["deploy-training"] || !writers["deploy-inference"] {
		t.Errorf("roles: %v", writers)
	}
}
