package kubernetes

import (
	"encoding/json"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

const (
	// jobRetries is how often a Job replaces a pod that was killed.
	jobRetries = 2
	// jobKept is how long a Job remains after its end, in seconds: long enough
	// for a function that is down to come back and store its log.
	jobKept = 3600
	// exitReported is the exit code of a training that has reported why it
	// failed: running it again would fail again.
	exitReported = 1
	// jobGrace is the time between SIGTERM and SIGKILL, in seconds.
	jobGrace = 20

	jobContainer = "train"
)

// What a Job requests where its deployment says nothing.
const (
	defaultCPU    = "250m" // requested; unlimited
	defaultMemory = "2Gi"  // requested and the limit
)

// kubernetesJob returns the batch/v1 object of a Job.
func (k *Platform) kubernetesJob(j platform.Job, work description) (*batchv1.Job, error) {
	pod, err := k.trainingPod(j, work)
	if err != nil {
		return nil, err
	}
	retries, kept := int32(jobRetries), int32(jobKept)
	name := jobContainer
	l := labelsOf("train", j.Name, resultLabel, strconv.FormatInt(j.Spec.Result, 10), attemptLabel, strconv.Itoa(j.Spec.Attempt))
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: j.Name, Namespace: k.c.Namespace, Labels: l},
		Spec: batchv1.JobSpec{
			BackoffLimit: &retries, TTLSecondsAfterFinished: &kept,
			PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
				{
					Action: batchv1.PodFailurePolicyActionFailJob,
					OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
						ContainerName: &name, Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{exitReported},
					},
				},
				{ // its node failed or was drained: that does not count
					Action: batchv1.PodFailurePolicyActionIgnore,
					OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
						{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
					},
				},
			}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: l}, Spec: pod},
		},
	}
	if s := j.Resources.DeadlineSecs; s > 0 {
		job.Spec.ActiveDeadlineSeconds = &s
	}
	return job, nil
}

// trainingPod is the pod of a Job.
func (k *Platform) trainingPod(j platform.Job, work description) (corev1.PodSpec, error) {
	resources, err := k.resources(j)
	if err != nil {
		return corev1.PodSpec{}, err
	}
	tolerations, err := tolerations(j.Resources.Tolerations)
	if err != nil {
		return corev1.PodSpec{}, err
	}
	image, err := k.image(j.Spec.Framework)
	if err != nil {
		return corev1.PodSpec{}, err
	}
	name := image.Name
	if j.GPUs > 0 {
		name = image.GPU
	}
	env, from := k.environment(append([]string{work.variable, "TMPDIR=/tmp"}, j.Env...))
	volumes, mounts := work.mount(k.volumes(k.c.Scratch))
	no, grace := false, int64(jobGrace)
	return corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, ServiceAccountName: k.c.Account,
		AutomountServiceAccountToken: &no, EnableServiceLinks: &no, TerminationGracePeriodSeconds: &grace,
		NodeSelector: j.Resources.NodeSelector, Tolerations: tolerations, PriorityClassName: j.Resources.PriorityClass,
		Volumes: volumes,
		Containers: []corev1.Container{{
			Name: jobContainer, Image: name, Args: []string{"train"}, Env: env, EnvFrom: from,
			Resources: resources, VolumeMounts: mounts, SecurityContext: restricted(),
			TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		}},
	}, nil
}

// gpuResource is a GPU as NVIDIA's device plugin names it.
const gpuResource = corev1.ResourceName("nvidia.com/gpu")

// resources returns the requests and limits of a Job. The memory limit equals
// the request: a training that outgrows it is killed itself, not its neighbours.
func (k *Platform) resources(j platform.Job) (corev1.ResourceRequirements, error) {
	r := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	cpu, err := quantity("resources.cpu", j.Resources.CPU, defaultCPU)
	if err != nil {
		return r, err
	}
	memory, err := quantity("resources.memory", j.Resources.Memory, defaultMemory)
	if err != nil {
		return r, err
	}
	r.Requests[corev1.ResourceCPU], r.Requests[corev1.ResourceMemory], r.Limits[corev1.ResourceMemory] = cpu, memory, memory
	if j.Resources.CPU != "" {
		r.Limits[corev1.ResourceCPU] = cpu
	}
	if j.GPUs > 0 {
		r.Limits[gpuResource] = *resource.NewQuantity(int64(j.GPUs), resource.DecimalSI)
	}
	return r, nil
}

func quantity(field, text, otherwise string) (resource.Quantity, error) {
	if text == "" {
		text = otherwise
	}
	q, err := resource.ParseQuantity(text)
	if err != nil || q.Sign() <= 0 {
		return q, pipeline.Invalidf(field, "%q is not a quantity above zero", text).WithHint("such as 500m or 2 for cpu, 512Mi or 4Gi for memory")
	}
	return q, nil
}

func tolerations(raw json.RawMessage) (t []corev1.Toleration, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, pipeline.Invalidf("resources.tolerations", "%v", err).WithHint("a list as Kubernetes has it: [{\"key\": \"gpu\", \"operator\": \"Exists\"}]")
	}
	return t, nil
}
