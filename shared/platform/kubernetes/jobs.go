package kubernetes

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kwait "k8s.io/apimachinery/pkg/util/wait"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// jobSelector selects our Jobs and their pods.
const jobSelector = managedLabel + "=" + managedBy + "," + resultLabel

// Start implements Jobs. Names are unique in the cluster, so a Job that two
// processes start runs once.
func (k *Platform) Start(ctx context.Context, j platform.Job) error {
	if err := platform.CheckName(j.Name); err != nil {
		return err
	}
	work, err := k.describe("train", j.Name, platform.JobVariable, j.Spec)
	if err != nil {
		return err
	}
	job, err := k.kubernetesJob(j, work)
	if err != nil {
		return err
	}
	if job.OwnerReferences, err = k.owners(ctx); err != nil {
		return err
	}
	return k.failure("start job "+j.Name, k.createJob(ctx, job, work))
}

// createJob creates a Job, unless it exists, and the ConfigMap that it reads.
func (k *Platform) createJob(ctx context.Context, job *batchv1.Job, work description) error {
	if err := k.createConfigMap(ctx, work, job.OwnerReferences); err != nil {
		return err
	}
	jobs := k.core.BatchV1().Jobs(k.c.Namespace)
	made, err := jobs.Create(ctx, job, metav1.CreateOptions{})
	switch {
	case kerrors.IsAlreadyExists(err):
		if made, err = jobs.Get(ctx, job.Name, metav1.GetOptions{}); err != nil {
			return err
		}
	case kerrors.IsInvalid(err):
		return errors.Join(err, k.deleteConfigMap(ctx, work))
	case err != nil:
		return err
	}
	return k.setOwner(ctx, work, made, batchv1.SchemeGroupVersion.WithKind("Job"))
}

// pollEvery is the pause between two looks at an object that is being deleted.
const pollEvery = 200 * time.Millisecond

// Stop implements Jobs. The Job is deleted after its pods.
func (k *Platform) Stop(ctx context.Context, name string) error {
	jobs := k.core.BatchV1().Jobs(k.c.Namespace)
	foreground := metav1.DeletePropagationForeground
	err := jobs.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &foreground})
	if err != nil && !kerrors.IsNotFound(err) {
		return k.failure("stop job "+name, err)
	}
	return gone(ctx, "stop job "+name, func(ctx context.Context) error {
		_, err := jobs.Get(ctx, name, metav1.GetOptions{})
		return err
	})
}

// gone waits until get returns NotFound.
func gone(ctx context.Context, op string, get func(context.Context) error) error {
	err := kwait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		return kerrors.IsNotFound(get(ctx)), nil
	})
	if err != nil {
		return &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Reason: "it has not ended yet", Err: err}
	}
	return nil
}

// replaced is err, of looking was up again, or NotFound where another object has
// taken its name since.
func replaced(was, now metav1.Object, err error) error {
	if err == nil && now.GetUID() != was.GetUID() {
		return kerrors.NewNotFound(schema.GroupResource{}, was.GetName())
	}
	return err
}

// Queue implements Jobs: it is empty, since the scheduler says what comes next.
func (k *Platform) Queue() []string { return nil }

// Running implements Jobs.
func (k *Platform) Running(ctx context.Context) ([]string, error) {
	list, err := k.core.BatchV1().Jobs(k.c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: jobSelector})
	if err != nil {
		return nil, k.failure("list jobs", err)
	}
	var names []string
	for _, j := range list.Items {
		if !reported(&j) {
			names = append(names, j.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// reportedAnnotation marks a Job for which OnEnded has returned.
const reportedAnnotation = "kafkaml.io/told"

func reported(j *batchv1.Job) bool { return j.Annotations[reportedAnnotation] != "" }

// Log implements Jobs. It is the log of the Job's newest pod.
func (k *Platform) Log(ctx context.Context, name string) (string, error) {
	pods, err := k.core.CoreV1().Pods(k.c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + name})
	if err != nil {
		return "", k.failure("read the log of job "+name, err)
	}
	pod := newest(pods.Items)
	if pod == nil || !hasRun(pod) {
		return "", nil
	}
	return k.podLog(ctx, pod.Name)
}

// podLog reads the end of a pod's log: at most logLines lines and
// platform.LogBytes bytes.
func (k *Platform) podLog(ctx context.Context, pod string) (string, error) {
	lines := int64(logLines)
	r, err := k.core.CoreV1().Pods(k.c.Namespace).GetLogs(pod, &corev1.PodLogOptions{Container: jobContainer, TailLines: &lines}).Stream(ctx)
	if kerrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", k.failure("read the log of pod "+pod, err)
	}
	defer func() { _ = r.Close() }() // read only
	b, err := io.ReadAll(io.LimitReader(r, logRead))
	if err != nil {
		return "", k.failure("read the log of pod "+pod, err)
	}
	return string(b[max(0, len(b)-platform.LogBytes):]), nil
}

const (
	// logLines is how many lines of a log are requested: usually more than
	// platform.LogBytes.
	logLines = 4000
	// logRead bounds how many bytes of them are read.
	logRead = 8 << 20
)

// newest returns the pod that was created last, nil if there is none.
func newest(pods []corev1.Pod) *corev1.Pod {
	var last *corev1.Pod
	for i := range pods {
		if last == nil || last.CreationTimestamp.Before(&pods[i].CreationTimestamp) {
			last = &pods[i]
		}
	}
	return last
}

// hasRun reports whether a pod's container runs or has run.
func hasRun(p *corev1.Pod) bool {
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Running != nil || c.State.Terminated != nil || c.LastTerminationState.Terminated != nil {
			return true
		}
	}
	return false
}

// refusals is the last that the Job controller said of pods that it could not
// make for a Job; empty where nothing is known.
func (k *Platform) refusals(ctx context.Context, j *batchv1.Job) string {
	events, err := k.core.CoreV1().Events(j.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.uid": string(j.UID), "reason": "FailedCreate"}.String(),
	})
	if err != nil {
		k.c.Log.WarnContext(ctx, "the events of a job were not read", "job", j.Name, "error", err)
		return ""
	}
	last := corev1.Event{}
	for _, e := range events.Items {
		if !e.LastTimestamp.Before(&last.LastTimestamp) {
			last = e
		}
	}
	return last.Message
}
