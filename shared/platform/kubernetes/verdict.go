package kubernetes

import (
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kafkaml/kafkaml/shared/platform"
)

// verdict is the state of a Job.
type verdict struct {
	ended        bool
	ok           bool
	hopeless     bool // the cluster would retry in vain: delete the Job
	reason, hint string
}

// judge derives the state of a Job from its object and its pods. pending is how
// long a pod may wait for a node or an image.
func judge(j *batchv1.Job, pods []corev1.Pod, pending time.Duration, now time.Time) verdict {
	pod := newest(pods)
	for _, c := range j.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			return verdict{ended: true, ok: true}
		case batchv1.JobFailed:
			return failedJob(j, c, pod)
		}
	}
	for i := range pods { // the Job has replaced it, since an eviction does not count
		if outgrown(&pods[i]) {
			return verdict{
				ended: true, hopeless: true, reason: "its temporary files took more than they may: " + pods[i].Status.Message,
				hint: "give it more memory, so that its records are held there, or have whoever runs this installation raise scratch in " + LimitsVariable,
			}
		}
	}
	if pod == nil || pod.DeletionTimestamp != nil {
		return verdict{}
	}
	if t := termination(pod); t != nil && t.Reason == reasonOOM {
		return memoryVerdict(pod)
	}
	return stuck(pod, now.Sub(pod.CreationTimestamp.Time) > pending)
}

// Reasons that the kubelet and the Job controller set.
const (
	reasonOOM      = "OOMKilled"
	reasonDeadline = "DeadlineExceeded"
	reasonEvicted  = "Evicted"
)

// outgrown reports whether the kubelet has ended a pod for what its volume of
// temporary files holds: it would do so again.
func outgrown(pod *corev1.Pod) bool {
	return pod.Status.Reason == reasonEvicted && strings.Contains(pod.Status.Message, fmt.Sprintf("EmptyDir volume %q", scratchVolume))
}

// failedJob explains why a Job failed.
func failedJob(j *batchv1.Job, c batchv1.JobCondition, pod *corev1.Pod) verdict {
	v := verdict{ended: true, hint: "look at its events: kubectl describe job " + j.Name}
	if c.Reason == reasonDeadline {
		if s := j.Spec.ActiveDeadlineSeconds; s != nil {
			v.reason, v.hint = platform.PastDeadline(*s)
			return v
		}
	}
	if pod == nil {
		v.reason = c.Message
		return v
	}
	t := termination(pod)
	switch {
	case t == nil:
		v.reason = first(pod.Status.Message, c.Message)
	case t.Reason == reasonOOM:
		return memoryVerdict(pod)
	case t.ExitCode > 128:
		v.reason = fmt.Sprintf("the training process was killed by signal %d, %d times", t.ExitCode-128, jobRetries+1)
		v.hint = "look at the node and the log, then try again"
	default:
		v.reason = fmt.Sprintf("the training process ended with exit code %d", t.ExitCode)
		v.hint = "the log says more"
	}
	return v
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return "the training process ended unexpectedly"
}

// memoryVerdict is final: with the same memory the training would end the same.
func memoryVerdict(pod *corev1.Pod) verdict {
	limit := pod.Spec.Containers[0].Resources.Limits.Memory()
	return verdict{
		ended: true, hopeless: true,
		reason: fmt.Sprintf("the training ran out of memory (OOMKilled, limit %s)", limit),
		hint:   "raise resources.memory of the deployment, or lower batch_size",
	}
}

// termination returns how the training container ended, nil while it has not.
func termination(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == jobContainer {
			return c.State.Terminated
		}
	}
	return nil
}

// stuck explains why a pod does not start: at once where waiting cannot help,
// otherwise once it is late.
func stuck(pod *corev1.Pod, late bool) verdict {
	for _, c := range pod.Status.ContainerStatuses {
		w := c.State.Waiting
		if w == nil {
			continue
		}
		switch w.Reason {
		case "InvalidImageName", "ErrImageNeverPull":
			return imageFailure(c.Image, w)
		case "ImagePullBackOff", "ErrImagePull":
			if late {
				return imageFailure(c.Image, w)
			}
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			if late {
				return verdict{
					ended: true, hopeless: true, reason: fmt.Sprintf("the container was not created (%s): %s", w.Reason, w.Message),
					hint: "look at the pod's events: kubectl describe pod " + pod.Name,
				}
			}
		}
	}
	for _, c := range pod.Status.Conditions {
		if late && c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return verdict{
				ended: true, hopeless: true, reason: "no node can run it (Unschedulable): " + c.Message,
				hint: "request less cpu, memory or gpus, change node_selector or tolerations, or add a node",
			}
		}
	}
	return verdict{}
}

// suspended reports whether a Job is to have no pod for now: a queue of the
// cluster's holds it back.
func suspended(j *batchv1.Job) bool { return j.Spec.Suspend != nil && *j.Spec.Suspend }

// withoutPod is the verdict on a Job for which the cluster makes no pod: a
// PriorityClass that is not there, a quota, an admission rule. said is what the
// Job controller says of it, empty where that is not known.
func withoutPod(j *batchv1.Job, said string) verdict {
	v := verdict{ended: true, hopeless: true, reason: "the cluster makes no pod for it", hint: "look at its events: kubectl get events --field-selector involvedObject.name=" + j.Name}
	if said != "" {
		v.reason += ": " + said
		v.hint = "change priority_class or what else it names, or request less than the namespace's quota leaves"
	}
	return v
}

func imageFailure(image string, w *corev1.ContainerStateWaiting) verdict {
	return verdict{
		ended: true, hopeless: true, reason: fmt.Sprintf("the image %s cannot be pulled (%s): %s", image, w.Reason, w.Message),
		hint: "check KAFKAML_IMAGE, or that of its framework, of deploy-training and the registry's credentials",
	}
}
