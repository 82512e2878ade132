package kubernetes

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/rest"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// inNamespace is a platform that no test lets ask a server anything.
func inNamespace(t *testing.T) *Platform {
	t.Helper()
	k, err := New(Config{
		Client: &rest.Config{Host: "127.0.0.1:1"}, Namespace: "ns", Images: map[string]Image{"": {Name: "image", GPU: "cuda"}}, Account: "worker",
		ConfigMaps: []string{"settings"}, Secrets: []string{"kafka", "models"}, TLSSecret: "tls",
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// jobOf describes a Job and its work.
func jobOf(k *Platform, j platform.Job) (*batchv1.Job, error) {
	work, err := k.describe("train", j.Name, platform.JobVariable, j.Spec)
	if err != nil {
		return nil, err
	}
	return k.kubernetesJob(j, work)
}

func serviceOf(k *Platform, s platform.Service) (*servingv1.Service, error) {
	work, err := k.describe("predict", s.Name, platform.PredictVariable, s.Spec)
	if err != nil {
		return nil, err
	}
	return k.knativeService(s, work)
}

// A Job says what its deployment asked for, and holds no value of a Secret. Of two
// Secrets the later one holds.
func TestKubernetesJob(t *testing.T) {
	k := inNamespace(t)
	job, err := jobOf(k, platform.Job{
		Name: "train-7-2", Spec: pipeline.TrainingJob{Result: 7, Attempt: 2}, Env: []string{"K_SINK=http://sink"}, GPUs: 2,
		Resources: pipeline.Resources{
			CPU: "2", Memory: "3Gi", NodeSelector: map[string]string{"disk": "fast"}, PriorityClass: "low", DeadlineSecs: 90,
			Tolerations: json.RawMessage(`[{"key": "gpu", "operator": "Exists"}]`),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if job.Name != "train-7-2" || job.Labels[resultLabel] != "7" || job.Labels[attemptLabel] != "2" || *job.Spec.ActiveDeadlineSeconds != 90 {
		t.Errorf("job: %+v", job)
	}
	pod := job.Spec.Template.Spec
	c := pod.Containers[0]
	if c.Image != "cuda" || c.Resources.Limits.Cpu().String() != "2" || c.Resources.Limits.Memory().String() != "3Gi" {
		t.Errorf("container: %+v", c)
	}
	if gpus := c.Resources.Limits[gpuResource]; gpus.Value() != 2 {
		t.Errorf("gpus: %v", gpus)
	}
	if pod.NodeSelector["disk"] != "fast" || pod.PriorityClassName != "low" || len(pod.Tolerations) != 1 || pod.Tolerations[0].Key != "gpu" {
		t.Errorf("pod: %+v", pod)
	}
	checkRestricted(t, pod)
	for _, e := range c.Env {
		if strings.HasPrefix(e.Name, "KAFKA_") || strings.HasPrefix(e.Name, "AWS_") {
			t.Errorf("%s stands in the Job", e.Name)
		}
	}
	if n := len(c.EnvFrom); n != 3 || c.EnvFrom[n-1].SecretRef.Name != "models" {
		t.Errorf("environment from %+v", c.EnvFrom)
	}
}

// What a pod may take of its node is bounded, so that its neighbours keep theirs.
func TestAttackNeighboursOfAPod(t *testing.T) {
	k := inNamespace(t)
	k.c.Scratch = resource.MustParse("3Gi")
	job, err := jobOf(k, platform.Job{Name: "train-1-1"})
	if err != nil {
		t.Fatal(err)
	}
	service, err := serviceOf(k, platform.Service{Name: "inference-1"})
	if err != nil {
		t.Fatal(err)
	}
	for scratch, pod := range map[string]corev1.PodSpec{"3Gi": job.Spec.Template.Spec, predictScratch: service.Spec.Template.Spec.PodSpec} {
		for _, v := range pod.Volumes {
			if e := v.EmptyDir; e != nil && (e.SizeLimit == nil || e.SizeLimit.String() != scratch) {
				t.Errorf("volume %s may take %v, not %s", v.Name, e.SizeLimit, scratch)
			}
		}
		if r := pod.Containers[0].Resources; r.Limits.Memory().IsZero() || r.Requests.Memory().IsZero() || r.Requests.Cpu().IsZero() {
			t.Errorf("resources: %+v", r)
		}
	}
}

// checkRestricted holds a pod against the pod security standard "restricted".
func checkRestricted(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("the pod gets a token")
	}
	for _, c := range pod.Containers {
		s := c.SecurityContext
		if s == nil || !*s.RunAsNonRoot || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem ||
			s.Capabilities.Drop[0] != "ALL" || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("security context of %s: %+v", c.Name, s)
		}
	}
}

func TestKubernetesJobRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		r     pipeline.Resources
		field string
	}{
		{"cpu that is no quantity", pipeline.Resources{CPU: "lots"}, "resources.cpu"},
		{"no memory", pipeline.Resources{Memory: "0"}, "resources.memory"},
		{"negative memory", pipeline.Resources{Memory: "-1Gi"}, "resources.memory"},
		{"tolerations that are no list", pipeline.Resources{Tolerations: json.RawMessage(`{"key": 1}`)}, "resources.tolerations"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := jobOf(inNamespace(t), platform.Job{Name: "train-1-1", Resources: c.r})
			if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), c.field) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestKnativeService(t *testing.T) {
	for _, c := range []struct {
		name      string
		s         platform.Service
		low, high string
	}{
		{"replicas", platform.Service{MinScale: 3, MaxScale: 3, Delivery: pipeline.Source}, "3", "3"},
		{"a range from none", platform.Service{MinScale: 0, MaxScale: 5, Delivery: pipeline.Source}, "0", "5"},
		{"direct is never woken, so one stays", platform.Service{MinScale: 0, MaxScale: 5, Delivery: pipeline.Direct}, "1", "5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.Name = "inference-1"
			s, err := serviceOf(inNamespace(t), c.s)
			if err != nil {
				t.Fatal(err)
			}
			a := s.Spec.Template.Annotations
			if a[minScale] != c.low || a[maxScale] != c.high {
				t.Errorf("scale: %v", a)
			}
			checkRestricted(t, s.Spec.Template.Spec.PodSpec)
			if ports := s.Spec.Template.Spec.Containers[0].Ports; len(ports) != 1 || ports[0].Name != "h2c" {
				t.Errorf("gRPC is not routed to %v", ports)
			}
			same, err := serviceOf(inNamespace(t), c.s)
			if err != nil || same.Annotations[specHash] != s.Annotations[specHash] {
				t.Errorf("the same service has another hash: %v", err)
			}
			c.s.Spec.Result = 9
			if other, err := serviceOf(inNamespace(t), c.s); err != nil || other.Annotations[specHash] == s.Annotations[specHash] {
				t.Errorf("another result has the same hash: %v", err)
			}
		})
	}
}

// podOf is a pod of a training with what a case is about.
func podOf(edit func(*corev1.Pod)) []corev1.Pod {
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "train-1-1-x", CreationTimestamp: metav1.NewTime(time.Unix(1000, 0))},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: jobContainer, Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
		}}}},
	}
	edit(&p)
	return []corev1.Pod{p}
}

func ended(exit int32, reason string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: jobContainer, State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: exit, Reason: reason},
		}}}
	}
}

func waits(reason string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: jobContainer, Image: "image", State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "said so"},
		}}}
	}
}

func evicted(why string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: reasonEvicted, Message: why}
	}
}

func noNode(p *corev1.Pod) {
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available",
	}}
}

func jobWith(t batchv1.JobConditionType, reason string) *batchv1.Job {
	deadline := int64(30)
	return &batchv1.Job{
		Spec: batchv1.JobSpec{ActiveDeadlineSeconds: &deadline},
		Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
			{Type: t, Status: corev1.ConditionTrue, Reason: reason, Message: "the controller's message"},
		}},
	}
}

// controlled is what an object says that belongs to a Service.
func controlled(by string) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: "serving.knative.dev/v1", Kind: "Service", Name: by, Controller: &yes}}
}

// What was not made here for an inference is neither changed nor deleted, whatever
// the inference is named.
func TestAttackObjectsOfOthers(t *testing.T) {
	for name, meta := range map[string]metav1.ObjectMeta{
		"a function":              {Labels: map[string]string{"app.kubernetes.io/part-of": "kafkaml"}},
		"another inference":       {Labels: map[string]string{managedLabel: managedBy, inferenceLabel: "8"}, OwnerReferences: controlled("deploy-inference")},
		"of another installation": {Labels: map[string]string{managedLabel: managedBy, inferenceLabel: "7"}, OwnerReferences: controlled("other")},
	} {
		t.Run(name, func(t *testing.T) {
			k, _ := remembered(t)
			k.c.Owner = "deploy-inference"
			meta.Name, meta.Namespace = "taken", k.c.Namespace
			services := k.serving.ServingV1().Services(k.c.Namespace)
			if _, err := services.Create(t.Context(), &servingv1.Service{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			s := platform.Service{Name: "taken", MinScale: 1, MaxScale: 1, Spec: pipeline.PredictJob{Inference: 7}}
			var e *pipeline.Error
			if err := k.Apply(t.Context(), s); !errors.As(err, &e) || e.Kind != pipeline.Conflict || e.Field != "name" {
				t.Errorf("applied over it: %v", err)
			}
			if err := k.Delete(t.Context(), "taken", 7); err != nil {
				t.Error(err)
			}
			is, err := services.Get(t.Context(), "taken", metav1.GetOptions{})
			if err != nil || !cmp.Equal(is.ObjectMeta, meta) || len(is.Spec.Template.Spec.Containers) > 0 {
				t.Errorf("it was changed: %+v, %v", is, err)
			}
		})
	}
}

// sourceObject is a KafkaSource as the API server keeps it.
func sourceObject(labels map[string]string, group, owner string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"consumerGroup": group}}}
	u.SetGroupVersionKind(kafkaSources.GroupVersion().WithKind("KafkaSource"))
	u.SetName("taken")
	u.SetNamespace("ns")
	u.SetLabels(labels)
	u.SetOwnerReferences(controlled(owner))
	return u
}

// So it is with KafkaSources. Those that an earlier version made for the inference
// are known by their group.
func TestAttackSourcesOfOthers(t *testing.T) {
	ours := map[string]string{managedLabel: pipeline.StepDeployInference}
	of := func(id string) map[string]string {
		return map[string]string{managedLabel: pipeline.StepDeployInference, inferenceLabel: id}
	}
	for name, c := range map[string]struct {
		is   *unstructured.Unstructured
		goes bool
	}{
		"its own":                      {sourceObject(of("7"), "a.kafkaml-inference-7", "deploy-inference"), true},
		"of an earlier version":        {sourceObject(ours, "kafkaml-inference-7", "deploy-inference"), true},
		"of another, earlier":          {sourceObject(ours, "kafkaml-inference-8", "deploy-inference"), false},
		"of another":                   {sourceObject(of("8"), "kafkaml-inference-7", "deploy-inference"), false},
		"of another installation":      {sourceObject(of("7"), "kafkaml-inference-7", "other"), false},
		"of somebody, the group taken": {sourceObject(nil, "kafkaml-inference-7", "deploy-inference"), false},
	} {
		t.Run(name, func(t *testing.T) {
			k := inNamespace(t)
			k.c.Owner = "deploy-inference"
			k.dynamic = dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{kafkaSources: "KafkaSourceList"}, c.is)
			if !c.goes {
				manifest := map[string]any{"metadata": map[string]any{"name": "taken", "labels": map[string]any{inferenceLabel: "7"}}}
				if err := k.ApplySource(t.Context(), "taken", manifest); pipeline.KindOf(err) != pipeline.Conflict {
					t.Errorf("applied over it: %v", err)
				}
			}
			if err := k.DeleteSource(t.Context(), "taken", "7"); err != nil {
				t.Fatal(err)
			}
			if _, err := k.sources().Get(t.Context(), "taken", metav1.GetOptions{}); kerrors.IsNotFound(err) != c.goes {
				t.Errorf("it was deleted: %v", err)
			}
		})
	}
}

func TestDeathsOfAReplica(t *testing.T) {
	dead := func(code int32, reason string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: "no such model\n"}}
	}
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	for _, c := range []struct {
		name      string
		now, last corev1.ContainerState
		restarts  int32
		ready     bool
		want      string
	}{
		{name: "it has not started", now: waiting},
		{name: "the first death may be an accident", now: dead(1, "Error")},
		{name: "it waits to start again", now: waiting, last: dead(1, "Error"), restarts: 2, want: "it ended with exit code 1, 2 times: no such model"},
		{name: "it has just ended again", now: dead(1, "Error"), last: dead(1, "Error"), restarts: 2, want: "it ended with exit code 1, 3 times: no such model"},
		{name: "it starts again", now: running, last: dead(139, "Error"), restarts: 1, want: "it was killed by signal 11: no such model"},
		{name: "memory", now: waiting, last: dead(137, reasonOOM), restarts: 1, want: "it ran out of memory (OOMKilled, limit 64Mi): no such model"},
		{name: "it is well again", now: running, last: dead(1, "Error"), restarts: 1, ready: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{
				{Name: "queue-proxy"},
				{Name: serviceContainer, Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}}},
			}}}
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{
				{Name: "queue-proxy", State: running, RestartCount: 9, LastTerminationState: dead(9, "Error")},
				{Name: serviceContainer, State: c.now, LastTerminationState: c.last, RestartCount: c.restarts, Ready: c.ready},
			}
			if got := deaths(pod); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	running := &batchv1.Job{}
	for _, c := range []struct {
		name   string
		job    *batchv1.Job
		pods   []corev1.Pod
		age    time.Duration
		want   verdict // hint left out
		reason string  // part of it
	}{
		{"no pod yet", running, nil, 0, verdict{}, ""},
		{"complete", jobWith(batchv1.JobComplete, ""), podOf(ended(0, "Completed")), 0, verdict{ended: true, ok: true}, ""},
		{"a pod that was killed is tried again", running, podOf(ended(137, "Error")), 0, verdict{}, ""},
		{"out of memory is final", running, podOf(ended(137, reasonOOM)), 0, verdict{ended: true, hopeless: true}, "limit 64Mi"},
		{"its scratch is full", running, append(podOf(evicted(`Usage of EmptyDir volume "tmp" exceeds the limit "64Gi". `)), podOf(noNode)...), 0, verdict{ended: true, hopeless: true}, `exceeds the limit "64Gi"`},
		{"its node lacked room", running, podOf(evicted("The node was low on resource: memory. ")), 0, verdict{}, ""},
		{"it told why", jobWith(batchv1.JobFailed, "PodFailurePolicy"), podOf(ended(1, "Error")), 0, verdict{ended: true}, "exit code 1"},
		{"killed too often", jobWith(batchv1.JobFailed, "BackoffLimitExceeded"), podOf(ended(137, "Error")), 0, verdict{ended: true}, "signal 9, 3 times"},
		{"deadline", jobWith(batchv1.JobFailed, reasonDeadline), nil, 0, verdict{ended: true}, "of 30 s"},
		{"failed without a pod", jobWith(batchv1.JobFailed, "BackoffLimitExceeded"), nil, 0, verdict{ended: true}, "the controller's message"},
		{"no node, in time", running, podOf(noNode), time.Minute, verdict{}, ""},
		{"no node, late", running, podOf(noNode), time.Hour, verdict{ended: true, hopeless: true}, "Unschedulable): 0/1 nodes"},
		{"image pulled again and again, in time", running, podOf(waits("ImagePullBackOff")), time.Minute, verdict{}, ""},
		{"image pulled again and again, late", running, podOf(waits("ImagePullBackOff")), time.Hour, verdict{ended: true, hopeless: true}, "image cannot be pulled (ImagePullBackOff): said so"},
		{"image that is no name", running, podOf(waits("InvalidImageName")), 0, verdict{ended: true, hopeless: true}, "InvalidImageName"},
		{"container not created, late", running, podOf(waits("CreateContainerConfigError")), time.Hour, verdict{ended: true, hopeless: true}, "said so"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := judge(c.job, c.pods, 10*time.Minute, time.Unix(1000, 0).Add(c.age))
			if got.ended && !got.ok && (got.reason == "" || got.hint == "") {
				t.Errorf("it failed without a reason or a hint: %+v", got)
			}
			if !strings.Contains(got.reason, c.reason) {
				t.Errorf("reason %q lacks %q", got.reason, c.reason)
			}
			got.reason, got.hint = "", ""
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
