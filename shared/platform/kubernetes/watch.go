package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/kafkaml/kafkaml/shared/platform"
)

// jobWatch keeps the Jobs and pods of the namespace in memory, examines them
// whenever one changes, and reports the end of each Job.
type jobWatch struct {
	k       *Platform
	factory informers.SharedInformerFactory
	jobs    batchlisters.JobLister
	pods    corelisters.PodLister
	wake    chan struct{}
	// reported are the Jobs in the lister whose end was reported and marked.
	reported map[types.UID]bool
	podless  map[types.UID]time.Time // since when a Job is seen without a pod
}

func newJobWatch(k *Platform) *jobWatch {
	f := informers.NewSharedInformerFactoryWithOptions(k.core, 10*time.Minute, informers.WithNamespace(k.c.Namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = jobSelector }))
	return &jobWatch{k: k, factory: f, jobs: f.Batch().V1().Jobs().Lister(), pods: f.Core().V1().Pods().Lister(), wake: make(chan struct{}, 1)}
}

// examineEvery is the pause between two examinations while nothing changes: a pod
// that finds no node fails by time alone.
const examineEvery = 2 * time.Second

// run examines Jobs until ctx ends.
func (w *jobWatch) run(ctx context.Context) {
	poke := func() {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	on := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { poke() }, UpdateFunc: func(any, any) { poke() }, DeleteFunc: func(any) { poke() },
	}
	for _, informer := range []cache.SharedIndexInformer{w.factory.Batch().V1().Jobs().Informer(), w.factory.Core().V1().Pods().Informer()} {
		if _, err := informer.AddEventHandler(on); err != nil { // only after a stop
			w.k.c.Log.ErrorContext(ctx, "jobs are not watched", "error", err)
			return
		}
	}
	w.factory.Start(ctx.Done())
	defer w.factory.Shutdown()
	w.factory.WaitForCacheSync(ctx.Done())
	tick := time.NewTicker(examineEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		w.examine(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-w.wake:
		}
	}
}

// examine reports every end that has not been reported.
func (w *jobWatch) examine(ctx context.Context) {
	jobs, err := w.jobs.Jobs(w.k.c.Namespace).List(labels.Everything())
	if err != nil {
		w.k.c.Log.WarnContext(ctx, "jobs were not listed", "error", err)
		return
	}
	before := w.reported // the lister may not have the mark yet
	w.reported = map[types.UID]bool{}
	podless := w.podless
	w.podless = map[types.UID]time.Time{}
	for _, j := range jobs {
		if reported(j) || before[j.UID] {
			w.reported[j.UID] = true
			continue
		}
		if j.DeletionTimestamp != nil {
			continue
		}
		pods, err := w.podsOf(j)
		if err == nil && len(pods) == 0 && !suspended(j) {
			w.podless[j.UID] = cmp.Or(podless[j.UID], time.Now())
		}
		if err == nil {
			err = w.report(ctx, j, pods)
		}
		if err != nil && ctx.Err() == nil {
			w.k.c.Log.WarnContext(ctx, "the end of a job was not reported yet", "job", j.Name, "error", err)
		}
	}
}

func (w *jobWatch) podsOf(j *batchv1.Job) (pods []corev1.Pod, err error) {
	list, err := w.pods.Pods(j.Namespace).List(labels.SelectorFromSet(labels.Set{batchv1.JobNameLabel: j.Name}))
	for _, p := range list {
		pods = append(pods, *p)
	}
	return pods, err
}

// report reports the end of a Job, if it has ended, and marks the Job. A Job that
// the cluster would retry in vain is deleted then.
func (w *jobWatch) report(ctx context.Context, j *batchv1.Job, pods []corev1.Pod) error {
	v := judge(j, pods, w.k.c.Pending, time.Now())
	if since, ok := w.podless[j.UID]; ok && !v.ended && time.Since(since) > w.k.c.Pending {
		v = withoutPod(j, w.k.refusals(ctx, j))
	}
	if !v.ended {
		return nil
	}
	e := platform.Ended{Name: j.Name, OK: v.ok, Reason: v.reason, Hint: v.hint}
	if _, err := fmt.Sscan(j.Labels[resultLabel], &e.Result); err != nil {
		return fmt.Errorf("read label %s: %w", resultLabel, err)
	}
	if _, err := fmt.Sscan(j.Labels[attemptLabel], &e.Attempt); err != nil {
		return fmt.Errorf("read label %s: %w", attemptLabel, err)
	}
	if pod := newest(pods); pod != nil && hasRun(pod) {
		var err error
		if e.Log, err = w.k.podLog(ctx, pod.Name); err != nil {
			w.k.c.Log.WarnContext(ctx, "a job's log was not read", "job", j.Name, "error", err)
		}
	}
	w.k.c.OnEnded(ctx, e)
	return w.mark(ctx, j, v.hopeless)
}

// mark keeps an end from being reported again.
func (w *jobWatch) mark(ctx context.Context, j *batchv1.Job, remove bool) error {
	jobs := w.k.core.BatchV1().Jobs(j.Namespace)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, reportedAnnotation, time.Now().UTC().Format(time.RFC3339))
	_, err := jobs.Patch(ctx, j.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err == nil {
		w.reported[j.UID] = true
	}
	if err == nil && remove {
		background := metav1.DeletePropagationBackground
		err = jobs.Delete(ctx, j.Name, metav1.DeleteOptions{PropagationPolicy: &background})
	}
	if kerrors.IsNotFound(err) {
		return nil
	}
	return err
}
