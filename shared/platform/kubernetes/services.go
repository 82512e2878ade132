package kubernetes

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// Apply implements Services. A change makes a new revision, which takes over
// once it is ready. How traffic is split is left alone, so a canary that was set
// with kn remains. A Service that already matches is not written.
func (k *Platform) Apply(ctx context.Context, s platform.Service) error {
	if err := platform.CheckName(s.Name); err != nil {
		return err
	}
	work, err := k.describe("predict", s.Name, platform.PredictVariable, s.Spec)
	if err != nil {
		return err
	}
	want, err := k.knativeService(s, work)
	if err != nil {
		return err
	}
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		is, err := k.applyService(ctx, want, work)
		if err != nil {
			return err
		}
		return k.setOwner(ctx, work, is, servingv1.SchemeGroupVersion.WithKind("Service"))
	})
	return k.failure("apply service "+s.Name, err)
}

// applyService creates or updates a Service and the ConfigMap that its next
// revision reads.
func (k *Platform) applyService(ctx context.Context, want *servingv1.Service, work description) (*servingv1.Service, error) {
	services := k.serving.ServingV1().Services(k.c.Namespace)
	is, err := services.Get(ctx, want.Name, metav1.GetOptions{})
	switch {
	case kerrors.IsNotFound(err):
		if want.OwnerReferences, err = k.owners(ctx); err != nil {
			return nil, err
		}
		if err := k.createConfigMap(ctx, work, want.OwnerReferences); err != nil {
			return nil, err
		}
		return services.Create(ctx, want, metav1.CreateOptions{})
	case err != nil:
		return nil, err
	case !k.serves(is, want.Labels[inferenceLabel]):
		return nil, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "name", Reason: fmt.Sprintf("there is a Service %q that is not of this inference", want.Name),
			Hint: "delete that Service, or give the inference another name",
		}
	}
	if err := k.createConfigMap(ctx, work, is.OwnerReferences); err != nil || is.Annotations[specHash] == want.Annotations[specHash] {
		return is, err
	}
	is.Spec.Template = want.Spec.Template
	if is.Labels == nil {
		is.Labels = map[string]string{}
	}
	maps.Copy(is.Labels, want.Labels)
	if is.Annotations == nil {
		is.Annotations = map[string]string{}
	}
	maps.Copy(is.Annotations, want.Annotations)
	return services.Update(ctx, is, metav1.UpdateOptions{})
}

// serves reports whether a Service was made here for an inference: it bears our
// labels, and belongs to the owner of what we make or to nobody.
func (k *Platform) serves(s *servingv1.Service, inference string) bool {
	owner := metav1.GetControllerOf(s)
	return s.Labels[managedLabel] == managedBy && s.Labels[inferenceLabel] == inference && (owner == nil || owner.Name == k.c.Owner)
}

// Delete implements Services. It waits until the pods have drained.
func (k *Platform) Delete(ctx context.Context, name string, inference int64) error {
	services := k.serving.ServingV1().Services(k.c.Namespace)
	is, err := services.Get(ctx, name, metav1.GetOptions{})
	if kerrors.IsNotFound(err) || err == nil && !k.serves(is, strconv.FormatInt(inference, 10)) {
		return nil
	}
	if err != nil {
		return k.failure("look up service "+name, err)
	}
	foreground := metav1.DeletePropagationForeground
	err = services.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{UID: &is.UID}})
	if err != nil && !kerrors.IsNotFound(err) {
		return k.failure("delete service "+name, err)
	}
	return gone(ctx, "delete service "+name, func(ctx context.Context) error {
		now, err := services.Get(ctx, name, metav1.GetOptions{})
		return replaced(is, now, err)
	})
}

// serviceSelector selects our Services.
const serviceSelector = managedLabel + "=" + managedBy + "," + inferenceLabel

// Names implements Services.
func (k *Platform) Names(ctx context.Context) (map[int64][]string, error) {
	list, err := k.serving.ServingV1().Services(k.c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: serviceSelector})
	if err != nil {
		return nil, k.failure("list services", err)
	}
	names := map[int64][]string{}
	for _, s := range list.Items {
		if id, err := strconv.ParseInt(s.Labels[inferenceLabel], 10, 64); err == nil {
			names[id] = append(names[id], s.Name)
		}
	}
	return names, nil
}

// Status implements Services. While one revision takes over from another the
// ready replicas of both count.
func (k *Platform) Status(ctx context.Context, name string) (platform.ServiceStatus, error) {
	var st platform.ServiceStatus
	s, err := k.serving.ServingV1().Services(k.c.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return st, k.failure("look up service "+name, err)
	}
	revisions, err := k.serving.ServingV1().Revisions(k.c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: serving.ServiceLabelKey + "=" + name})
	if err != nil {
		return st, k.failure("look up service "+name, err)
	}
	low, _ := strconv.Atoi(s.Spec.Template.Annotations[minScale]) // we wrote it
	for _, r := range revisions.Items {
		if n := r.Status.ActualReplicas; n != nil {
			st.Ready += int(*n)
		}
		if r.Name != s.Status.LatestCreatedRevisionName {
			continue
		}
		if n := r.Status.DesiredReplicas; n != nil {
			st.Desired = int(*n)
		}
		if st.Failed, err = k.failureOf(ctx, &r); err != nil {
			return st, err
		}
		st.Idle = low == 0 && st.Desired == 0 && r.Status.GetCondition(servingv1.RevisionConditionReady).IsTrue()
	}
	st.Desired = max(st.Desired, low)
	st.Ready = min(st.Ready, st.Desired)
	if s.Status.URL != nil && (st.Ready > 0 || st.Idle) {
		st.URL = s.Status.URL.String()
	}
	return st, nil
}

// failureOf returns why a revision does not become ready; empty while it may.
func (k *Platform) failureOf(ctx context.Context, r *servingv1.Revision) (string, error) {
	for _, t := range []apis.ConditionType{servingv1.RevisionConditionReady, servingv1.RevisionConditionContainerHealthy, servingv1.RevisionConditionResourcesAvailable} {
		if c := r.Status.GetCondition(t); c.IsFalse() {
			return c.Reason + ": " + c.Message, nil
		}
	}
	if r.Status.GetCondition(servingv1.RevisionConditionReady).IsTrue() {
		return "", nil
	}
	// Knative waits ten minutes before it speaks of a container that dies again
	// and again: its pods say so at once.
	pods, err := k.core.CoreV1().Pods(k.c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: serving.RevisionLabelKey + "=" + r.Name})
	if err != nil {
		return "", k.failure("look up the pods of revision "+r.Name, err)
	}
	pod := newest(pods.Items)
	if pod == nil || pod.DeletionTimestamp != nil {
		return "", nil
	}
	if reason := deaths(pod); reason != "" {
		return reason, nil
	}
	return stuck(pod, time.Since(pod.CreationTimestamp.Time) > servicePending).reason, nil
}

// memoryOf returns the memory limit of a pod's container, as text.
func memoryOf(pod *corev1.Pod, container string) string {
	for _, c := range pod.Spec.Containers {
		if c.Name == container {
			return c.Resources.Limits.Memory().String()
		}
	}
	return "unknown"
}

// servicePending is how long a pod waits for a node or an image before that is
// shown as a failure. It goes on waiting: a node or an image may come.
const servicePending = 30 * time.Second

// serviceContainer is the name that Knative gives to a container without one.
const serviceContainer = "user-container"

// deaths says how a pod's container ended if it has ended more than once.
func deaths(pod *corev1.Pod) string {
	for _, c := range pod.Status.ContainerStatuses {
		t := c.State.Terminated
		if t == nil {
			t = c.LastTerminationState.Terminated
		}
		if c.Name != serviceContainer || c.RestartCount == 0 || t == nil || c.State.Running != nil && c.Ready {
			continue
		}
		times := int(c.RestartCount) // those that were followed by a restart
		if c.State.Terminated != nil {
			times++
		}
		reason := fmt.Sprintf("it ended with exit code %d", t.ExitCode)
		switch {
		case t.Reason == reasonOOM:
			reason = "it ran out of memory (OOMKilled, limit " + memoryOf(pod, c.Name) + ")"
		case t.ExitCode > 128:
			reason = fmt.Sprintf("it was killed by signal %d", t.ExitCode-128)
		}
		if times > 1 {
			reason += fmt.Sprintf(", %d times", times)
		}
		if message := strings.TrimSpace(t.Message); message != "" {
			reason += ": " + message
		}
		return reason
	}
	return ""
}
