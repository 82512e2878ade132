// Package kubernetes is the platform of a cluster: trainings are Kubernetes
// Jobs, inferences Knative Services, and each may have a KafkaSource.
package kubernetes

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	servingclient "knative.dev/serving/pkg/client/clientset/versioned"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// Config says how Jobs and Services run in the cluster.
type Config struct {
	Client    *rest.Config
	Namespace string           // of everything that is created
	Images    map[string]Image // by framework
	// Owner is the Knative Service that owns everything that is created, so that
	// it is deleted with it; none when empty.
	Owner string
	// Account is the service account of the pods. It needs no rights.
	Account string
	// ConfigMaps and Secrets become variables of the pods, by reference: their
	// values are in no Job. Those that do not exist are ignored.
	ConfigMaps, Secrets []string
	// TLSSecret holds certificates for Kafka, mounted at tlsFolder where it
	// exists; none when empty.
	TLSSecret string
	// Scratch is what the temporary files of a training may take; that of
	// DefaultLimits when 0.
	Scratch resource.Quantity
	// Pending is how long a Job's pod may wait for a node or an image before the
	// Job fails; 10 minutes when 0.
	Pending time.Duration
	// OnEnded is called by Watch with the end of each Job, except those that
	// Stop ended. Two processes, or one after a crash, may report the same end.
	OnEnded func(context.Context, platform.Ended)
	Log     *slog.Logger
}

// Image holds the program of a framework.
type Image struct {
	Name string
	GPU  string // the build for GPUs, which Jobs with GPUs run; Name when empty
	// Memory is what a replica of an inference requests; 512Mi when empty.
	Memory string
}

// tlsFolder is where pods find the files of Config.TLSSecret.
const tlsFolder = "/etc/kafkaml/kafka"

// Platform runs Jobs as Kubernetes Jobs and Services as Knative Services. What
// runs outlives this process.
type Platform struct {
	c       Config
	core    clientset.Interface
	serving servingclient.Interface
	dynamic dynamic.Interface
}

// InCluster returns the configuration of the pod that this process runs in: its
// service account's token, and its namespace.
func InCluster() (*rest.Config, string, error) {
	client, err := rest.InClusterConfig()
	if err != nil {
		return nil, "", &pipeline.Error{
			Op: "find the cluster", Kind: pipeline.Unavailable, Err: err,
			Hint: "mount the service account's token in this pod, or set PLATFORM=local",
		}
	}
	namespace, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return nil, "", &pipeline.Error{Op: "find the namespace", Kind: pipeline.Unavailable, Err: err}
	}
	return client, strings.TrimSpace(string(namespace)), nil
}

// New returns the cluster as a platform. It does not call the API server yet.
func New(c Config) (*Platform, error) {
	for framework, image := range c.Images {
		if image.Name == "" {
			return nil, pipeline.Invalidf("KAFKAML_IMAGE", "is not set").WithHint("name the image that holds the program for %s", framework)
		}
	}
	if c.Pending == 0 {
		c.Pending = 10 * time.Minute
	}
	if c.Scratch.IsZero() {
		c.Scratch = DefaultLimits().Scratch
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	k := &Platform{c: c}
	var err error
	if k.core, err = clientset.NewForConfig(c.Client); err != nil {
		return nil, k.failure("connect", err)
	}
	if k.serving, err = servingclient.NewForConfig(c.Client); err != nil {
		return nil, k.failure("connect", err)
	}
	if k.dynamic, err = dynamic.NewForConfig(c.Client); err != nil {
		return nil, k.failure("connect", err)
	}
	return k, nil
}

// image is what runs the work of a framework.
func (k *Platform) image(framework string) (Image, error) {
	image, ok := k.c.Images[framework]
	if !ok {
		return image, pipeline.Invalidf("framework", "no image is known for %q", framework)
	}
	if image.GPU == "" {
		image.GPU = image.Name
	}
	if image.Memory == "" {
		image.Memory = predictMemory
	}
	return image, nil
}

// Watch calls OnEnded for each Job that ends, or that ended before and was not
// reported, until ctx ends.
func (k *Platform) Watch(ctx context.Context) { newJobWatch(k).run(ctx) }

// owners returns the references that make what is created belong to the Owner,
// so that nothing remains when it is deleted. While it is being deleted nothing
// more is created: the cluster would not collect that.
func (k *Platform) owners(ctx context.Context) ([]metav1.OwnerReference, error) {
	if k.c.Owner == "" {
		return nil, nil
	}
	o, err := k.serving.ServingV1().Services(k.c.Namespace).Get(ctx, k.c.Owner, metav1.GetOptions{})
	if err == nil && o.DeletionTimestamp == nil {
		return []metav1.OwnerReference{*metav1.NewControllerRef(o, servingv1.SchemeGroupVersion.WithKind("Service"))}, nil
	}
	if err != nil && !kerrors.IsNotFound(err) {
		return nil, k.failure("find the owner "+k.c.Owner, err)
	}
	return nil, &pipeline.Error{
		Op: "find the owner " + k.c.Owner, Kind: pipeline.Unavailable, Reason: "the Knative Service has been deleted",
		Hint: "install it again; what is to run is kept",
	}
}

// The labels of everything that is created, beside app.kubernetes.io/*.
const (
	managedLabel   = "app.kubernetes.io/managed-by"
	managedBy      = "kafkaml"
	resultLabel    = "kafkaml.io/result"
	attemptLabel   = "kafkaml.io/attempt"
	inferenceLabel = pipeline.InferenceLabel
)

// labelsOf returns the labels that tools know, and more as name, value, ...
func labelsOf(component, instance string, more ...string) map[string]string {
	l := map[string]string{
		"app.kubernetes.io/name": component, "app.kubernetes.io/instance": instance,
		"app.kubernetes.io/part-of": "kafkaml", managedLabel: managedBy,
	}
	for i := 0; i+1 < len(more); i += 2 {
		l[more[i]] = more[i+1]
	}
	return l
}

// failure turns an error of the API server into ours. The user can mend the
// object's own fields; every other error may pass.
func (k *Platform) failure(op string, err error) error {
	var ours *pipeline.Error
	if err == nil || errors.As(err, &ours) {
		return err
	}
	e := &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Err: err}
	switch {
	case kerrors.IsNotFound(err):
		e.Kind = pipeline.NotFound
	case kerrors.IsInvalid(err), kerrors.IsBadRequest(err):
		e.Kind, e.Reason = pipeline.Invalid, err.Error()
	case kerrors.IsForbidden(err):
		e.Hint = "the service account of this function needs its Role of manifests/base/accounts.yaml"
	}
	return e
}

// restricted is the security context of the pod security standard "restricted".
func restricted() *corev1.SecurityContext {
	yes, no := true, false
	return &corev1.SecurityContext{
		RunAsNonRoot: &yes, ReadOnlyRootFilesystem: &yes, AllowPrivilegeEscalation: &no,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// environment returns a container's variables: those in env, and those of the
// ConfigMaps and Secrets.
func (k *Platform) environment(env []string) (vars []corev1.EnvVar, from []corev1.EnvFromSource) {
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		vars = append(vars, corev1.EnvVar{Name: name, Value: value})
	}
	optional := true
	for _, name := range k.c.ConfigMaps {
		from = append(from, corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Optional: &optional,
		}})
	}
	for _, name := range k.c.Secrets {
		from = append(from, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Optional: &optional,
		}})
	}
	return vars, from
}

// scratchVolume holds a pod's temporary files, since its root is read-only.
const scratchVolume = "tmp"

// volumes returns a pod's volumes: one for temporary files, which is all that it may
// write of its node's disk, and Kafka's certificates.
func (k *Platform) volumes(scratch resource.Quantity) (volumes []corev1.Volume, mounts []corev1.VolumeMount) {
	volumes = []corev1.Volume{{Name: scratchVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &scratch}}}}
	mounts = []corev1.VolumeMount{{Name: scratchVolume, MountPath: "/tmp"}}
	if k.c.TLSSecret != "" {
		optional := true
		volumes = append(volumes, corev1.Volume{Name: "kafka-tls", VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: k.c.TLSSecret, Optional: &optional},
		}})
		mounts = append(mounts, corev1.VolumeMount{Name: "kafka-tls", MountPath: tlsFolder, ReadOnly: true})
	}
	return volumes, mounts
}
