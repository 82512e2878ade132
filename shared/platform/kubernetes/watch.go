package kubernetes

import (
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

// jobWatch holds the Jobs and pods of the cluster in memory, looks at them
// whenever one changes and tells the end of each Job.
type jobWatch struct {
	k       *Platform
	factory informers.SharedInformerFactory
	jobs    batchlisters.JobLister
	pods    corelisters.PodLister
	wake    chan struct{}
	told    map[types.UID]bool // Jobs that were marked, of those that the lister has
}

func newJobWatch(k *Platform) *jobWatch {
	f := informers.NewSharedInformerFactoryWithOptions(k.core, 10*time.Minute, informers.WithNamespace(k.c.Namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = jobSelector }))
	return &jobWatch{k: k, factory: f, jobs: f.Batch().V1().Jobs().Lister(), pods: f.Core().V1().Pods().Lister(), wake: make(chan struct{}, 1)}
}

// lookEvery is the pause between two looks where nothing changes: a pod that
// finds no node fails by time alone.
const lookEvery = 2 * time.Second

// run looks until ctx ends.
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
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		w.look(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-w.wake:
		}
	}
}

// look tells every end that has not been told.
func (w *jobWatch) look(ctx context.Context) {
	jobs, err := w.jobs.Jobs(w.k.c.Namespace).List(labels.Everything())
	if err != nil {
		w.k.c.Log.WarnContext(ctx, "jobs were not listed", "error", err)
		return
	}
	before := w.told // the lister may not have heard of a mark yet
	w.told = map[types.UID]bool{}
	for _, j := range jobs {
		if told(j) || before[j.UID] {
			w.told[j.UID] = true
			continue
		}
		if j.DeletionTimestamp != nil {
			continue
		}
		pods, err := w.podsOf(j)
		if err == nil {
			err = w.tell(ctx, j, pods)
		}
		if err != nil && ctx.Err() == nil {
			w.k.c.Log.WarnContext(ctx, "the end of a job was not told yet", "job", j.Name, "error", err)
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

// tell tells the end of a Job, if it has ended, and marks it. One that would
// go on in vain is deleted then.
func (w *jobWatch) tell(ctx context.Context, j *batchv1.Job, pods []corev1.Pod) error {
	v := judge(j, pods, w.k.c.Pending, time.Now())
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
	if pod := newest(pods); pod != nil && began(pod) {
		var err error
		if e.Log, err = w.k.podLog(ctx, pod.Name); err != nil {
			w.k.c.Log.WarnContext(ctx, "a job's log was not read", "job", j.Name, "error", err)
		}
	}
	w.k.c.OnEnded(ctx, e)
	return w.mark(ctx, j, v.hopeless)
}

// mark keeps an end from being told again.
func (w *jobWatch) mark(ctx context.Context, j *batchv1.Job, remove bool) error {
	jobs := w.k.core.BatchV1().Jobs(j.Namespace)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, toldAnnotation, time.Now().UTC().Format(time.RFC3339))
	_, err := jobs.Patch(ctx, j.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err == nil {
		w.told[j.UID] = true
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
