package kubernetes

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// Knative's annotations for scaling. They are equal unless a range was given.
const (
	minScale = "autoscaling.knative.dev/min-scale"
	maxScale = "autoscaling.knative.dev/max-scale"
	// specHash is of the template that was applied: Knative adds defaults to it,
	// so the objects themselves cannot be compared.
	specHash = "kafkaml.io/spec-hash"
)

// http2 tells Knative that a port takes HTTP/2 without TLS, which gRPC needs, as
// well as HTTP/1.
const http2 = "h2c"

// What a replica requests unless its image says another memory: it is a Go
// process with TensorFlow's library.
const (
	predictCPU    = "100m"
	predictMemory = "512Mi"
	memoryLimit   = "2Gi"
	// predictScratch bounds its temporary files: a model, packed and unpacked.
	predictScratch = "8Gi"
)

// knativeService returns the serving.knative.dev/v1 object of a Service.
func (k *Platform) knativeService(s platform.Service, work description) (*servingv1.Service, error) {
	image, err := k.image(s.Spec.Framework)
	if err != nil {
		return nil, err
	}
	template := k.predictTemplate(s, image, work)
	text, err := json.Marshal(template)
	if err != nil {
		return nil, pipeline.Invalidf("service", "cannot be written as JSON: %v", err)
	}
	return &servingv1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.Name, Namespace: k.c.Namespace, Labels: serviceLabels(s),
			Annotations: map[string]string{specHash: fmt.Sprintf("%x", sha256.Sum256(text))},
		},
		Spec: servingv1.ServiceSpec{ConfigurationSpec: servingv1.ConfigurationSpec{Template: template}},
	}, nil
}

func serviceLabels(s platform.Service) map[string]string {
	return labelsOf("predict", s.Name, inferenceLabel, strconv.FormatInt(s.Spec.Inference, 10))
}

// predictTemplate is what each revision runs.
func (k *Platform) predictTemplate(s platform.Service, image Image, work description) servingv1.RevisionTemplateSpec {
	env, from := k.environment(append([]string{work.variable, "TMPDIR=/tmp", platform.SuspectsVariable + "=/tmp/suspects/replica"}, s.Env...))
	volumes, mounts := work.mount(k.volumes(resource.MustParse(predictScratch)))
	probe := func(path string, period, failures int32) *corev1.Probe {
		return &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(0)}},
			PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 2,
		}
	}
	low, high := scale(s)
	no, request := false, int64(300)
	return servingv1.RevisionTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      serviceLabels(s),
			Annotations: map[string]string{minScale: strconv.Itoa(low), maxScale: strconv.Itoa(high)},
		},
		Spec: servingv1.RevisionSpec{
			TimeoutSeconds: &request,
			PodSpec: corev1.PodSpec{
				ServiceAccountName: k.c.Account, AutomountServiceAccountToken: &no, EnableServiceLinks: &no, Volumes: volumes,
				Containers: []corev1.Container{{
					Image: image.Name, Args: []string{"predict"}, Env: env, EnvFrom: from,
					Ports:          []corev1.ContainerPort{{Name: http2, ContainerPort: 8080}},
					ReadinessProbe: probe("/health/readiness", 1, 3), LivenessProbe: probe("/health/liveness", 10, 6),
					VolumeMounts: mounts, SecurityContext: restricted(),
					Resources: corev1.ResourceRequirements{
						Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(predictCPU), corev1.ResourceMemory: resource.MustParse(image.Memory)},
						Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memoryLimit)},
					},
				}},
			},
		},
	}
}

// scale returns the bounds for the number of replicas. With direct delivery a
// replica consumes by itself: no request would start it, so one always remains.
func scale(s platform.Service) (low, high int) {
	low, high = s.MinScale, max(s.MinScale, s.MaxScale)
	if s.Delivery == pipeline.Direct {
		low = max(1, low)
	}
	return low, max(low, high)
}
