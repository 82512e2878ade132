package kubernetes

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	servingfake "knative.dev/serving/pkg/client/clientset/versioned/fake"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// remembered is a platform over clients that keep objects in memory, for what is
// about the objects that are written. What a cluster makes of them is tested on
// a real one (cluster_test.go).
func remembered(t *testing.T) (*Platform, *fake.Clientset) {
	t.Helper()
	k := inNamespace(t)
	core := fake.NewSimpleClientset() // nothing here is applied by server-side apply
	k.core, k.serving = core, servingfake.NewSimpleClientset()
	return k, core
}

// random is an input configuration of n bytes that compresses to half of that.
func random(t *testing.T, n int) json.RawMessage {
	t.Helper()
	b := make([]byte, n/2)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return json.RawMessage(`"` + hex.EncodeToString(b) + `"`)
}

// reads decodes the description that a pod is given, as its process would.
func reads(t *testing.T, k *Platform, pod corev1.PodSpec, variable string, spec any) {
	t.Helper()
	env := map[string]string{}
	for _, e := range pod.Containers[0].Env {
		if len(e.Name)+1+len(e.Value)+1 > 128<<10 {
			t.Errorf("%s is larger than Linux lets a variable be: %d bytes", e.Name, len(e.Value))
		}
		env[e.Name] = e.Value
	}
	if path := env[variable+platform.FileSuffix]; path != "" {
		env[variable+platform.FileSuffix] = mounted(t, k, pod, path)
	}
	if err := platform.ReadDescription(func(name string) string { return env[name] }, variable, spec); err != nil {
		t.Fatal(err)
	}
}

// mounted gives a file of what a pod finds at path.
func mounted(t *testing.T, k *Platform, pod corev1.PodSpec, path string) string {
	t.Helper()
	for _, m := range pod.Containers[0].VolumeMounts {
		if m.MountPath != filepath.Dir(path) {
			continue
		}
		for _, v := range pod.Volumes {
			if v.Name != m.Name {
				continue
			}
			c, err := k.core.CoreV1().ConfigMaps("ns").Get(t.Context(), v.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "description")
			if err := os.WriteFile(file, c.BinaryData[filepath.Base(path)], 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
	}
	t.Fatalf("nothing is mounted for %s", path)
	return ""
}

// configMaps gives the name of each ConfigMap with that of its owner.
func configMaps(t *testing.T, k *Platform) map[string]string {
	t.Helper()
	list, err := k.core.CoreV1().ConfigMaps("ns").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	owners := map[string]string{}
	for _, c := range list.Items {
		owners[c.Name] = ""
		for _, o := range c.OwnerReferences {
			owners[c.Name] += o.APIVersion + " " + o.Kind + " " + o.Name
		}
	}
	return owners
}

func TestJobIsToldADescriptionOfAnySize(t *testing.T) {
	for _, size := range []int{10, 60 << 10, 70 << 10, 500 << 10} {
		k, _ := remembered(t)
		want := platform.Job{Name: "train-1-1", Spec: pipeline.TrainingJob{Result: 1, TrainingKwargs: pipeline.TrainingKwargs{Epochs: 1}, InputConfig: random(t, size)}}
		for range 2 { // once more, as after a crash
			if err := k.Start(t.Context(), want); err != nil {
				t.Fatal(err)
			}
		}
		job, err := k.core.BatchV1().Jobs("ns").Get(t.Context(), "train-1-1", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got pipeline.TrainingJob
		reads(t, k, job.Spec.Template.Spec, platform.JobVariable, &got)
		if got.Result != 1 || !bytes.Equal(got.InputConfig, want.Spec.InputConfig) {
			t.Errorf("of %d bytes another description arrives", size)
		}
		maps := configMaps(t, k)
		for name, owner := range maps {
			if owner != "batch/v1 Job train-1-1" {
				t.Errorf("%s belongs to %q", name, owner)
			}
		}
		if (len(maps) == 1) != (size > maxVariable) || len(maps) > 1 {
			t.Errorf("of %d bytes: %v", size, maps)
		}
	}
}

// A revision that is replaced keeps its description: it may get requests still.
func TestServiceIsToldADescriptionOfAnySize(t *testing.T) {
	k, _ := remembered(t)
	s := platform.Service{Name: "i", Spec: pipeline.PredictJob{Inference: 1, InputConfig: random(t, 500<<10)}}
	for _, topic := range []string{"one", "one", "two"} {
		s.Spec.OutputTopic = topic
		if err := k.Apply(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		is, err := k.serving.ServingV1().Services("ns").Get(t.Context(), "i", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got pipeline.PredictJob
		reads(t, k, is.Spec.Template.Spec.PodSpec, platform.PredictVariable, &got)
		if got.OutputTopic != topic || !bytes.Equal(got.InputConfig, s.Spec.InputConfig) {
			t.Errorf("another description arrives: of topic %s, not %s", got.OutputTopic, topic)
		}
	}
	maps := configMaps(t, k)
	for name, owner := range maps {
		if owner != "serving.knative.dev/v1 Service i" {
			t.Errorf("%s belongs to %q", name, owner)
		}
	}
	if len(maps) != 2 {
		t.Errorf("ConfigMaps: %v", maps)
	}
}

// What does not fit into a ConfigMap is refused by its largest member, and what
// the API server refuses leaves no ConfigMap.
func TestDescriptionsThatAreRefused(t *testing.T) {
	k, core := remembered(t)
	j := platform.Job{Name: "train-1-1", Spec: pipeline.TrainingJob{ModelName: "m", InputConfig: random(t, 3<<20)}}
	err := k.Start(t.Context(), j)
	var e *pipeline.Error
	if !asError(err, &e) || e.Kind != pipeline.Invalid || e.Field != "input_config" || e.Hint == "" {
		t.Errorf("too large: %v", err)
	}
	core.PrependReactor("create", "jobs", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, kerrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, "train-1-1", nil)
	})
	j.Spec.InputConfig = random(t, 500<<10)
	if err := k.Start(t.Context(), j); pipeline.KindOf(err) != pipeline.Invalid {
		t.Errorf("refused by the server: %v", err)
	}
	if maps := configMaps(t, k); len(maps) != 0 {
		t.Errorf("left: %v", maps)
	}
}

// An end is reported once, however late the watch sees that it marked the Job.
func TestAnEndIsReportedOnce(t *testing.T) {
	k, core := remembered(t)
	var ends []platform.Ended
	k.c.OnEnded = func(_ context.Context, e platform.Ended) { ends = append(ends, e) }
	job := jobWith(batchv1.JobFailed, "BackoffLimitExceeded")
	job.Name, job.Namespace, job.UID = "train-4-2", "ns", "uid"
	job.Labels = map[string]string{resultLabel: "4", attemptLabel: "2"}
	if _, err := core.BatchV1().Jobs("ns").Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w := newJobWatch(k)
	if err := w.factory.Batch().V1().Jobs().Informer().GetIndexer().Add(job); err != nil { // it stays as it is here
		t.Fatal(err)
	}
	w.examine(t.Context())
	w.examine(t.Context())
	if len(ends) != 1 || ends[0].Result != 4 || ends[0].Attempt != 2 || ends[0].OK {
		t.Errorf("reported: %+v", ends)
	}
	marked, err := core.BatchV1().Jobs("ns").Get(t.Context(), job.Name, metav1.GetOptions{})
	if err != nil || !reported(marked) {
		t.Errorf("it is not marked: %v", err)
	}
}

func asError(err error, e **pipeline.Error) bool {
	known, ok := err.(*pipeline.Error) //nolint:errorlint // it is the outermost that a person reads
	*e = known
	return ok
}

// A hint that names a file of the project names one that is there.
func TestForbiddenNamesTheRole(t *testing.T) {
	k := inNamespace(t)
	err := k.failure("start job", kerrors.NewForbidden(schema.GroupResource{Group: "batch", Resource: "jobs"}, "train-1-1", nil))
	var e *pipeline.Error
	if !asError(err, &e) {
		t.Fatal(err)
	}
	_, file, found := strings.Cut(e.Hint, "manifests/")
	text, readErr := os.ReadFile(filepath.Join("..", "..", "..", "manifests", file))
	if !found || readErr != nil || !bytes.Contains(text, []byte("kind: Role\n")) {
		t.Errorf("hint %q: %v", e.Hint, readErr)
	}
}
