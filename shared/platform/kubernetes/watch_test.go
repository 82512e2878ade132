package kubernetes

import (
	"context"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// A Job that gets no pod ends with what the cluster says of it, once it has
// waited as long as for a node. One that a queue holds back goes on waiting.
func TestAJobWithoutAPod(t *testing.T) {
	for name, c := range map[string]struct {
		pending time.Duration
		suspend bool
		ends    bool
	}{
		"late":                 {time.Nanosecond, false, true},
		"in time":              {time.Hour, false, false},
		"held back by a queue": {time.Nanosecond, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			k, core := remembered(t)
			var ends []platform.Ended
			k.c.Pending, k.c.OnEnded = c.pending, func(_ context.Context, e platform.Ended) { ends = append(ends, e) }
			job, err := jobOf(k, platform.Job{Name: "train-7-1", Spec: pipeline.TrainingJob{Result: 7, Attempt: 1}})
			if err != nil {
				t.Fatal(err)
			}
			job.UID, job.Spec.Suspend = "job", &c.suspend
			said := func(at int64, text string) *corev1.Event {
				return &corev1.Event{
					ObjectMeta: metav1.ObjectMeta{Name: text[:5], Namespace: "ns"}, LastTimestamp: metav1.Unix(at, 0), Reason: "FailedCreate", Message: text,
					InvolvedObject: corev1.ObjectReference{UID: job.UID},
				}
			}
			for _, o := range []runtime.Object{job, said(1, "first: it is refused"), said(2, "later: no PriorityClass with name low was found")} {
				if err := core.Tracker().Add(o); err != nil {
					t.Fatal(err)
				}
			}
			w := newJobWatch(k)
			w.factory.Start(t.Context().Done())
			w.factory.WaitForCacheSync(t.Context().Done())
			w.examine(t.Context())
			w.examine(t.Context())
			if !c.ends {
				if len(ends) > 0 {
					t.Errorf("it ended: %+v", ends)
				}
				return
			}
			if len(ends) != 1 || ends[0].OK || !strings.Contains(ends[0].Reason, "later: no PriorityClass") || ends[0].Result != 7 {
				t.Errorf("ends: %+v", ends)
			}
			if _, err := core.Tracker().Get(batchv1.SchemeGroupVersion.WithResource("jobs"), "ns", job.Name); err == nil {
				t.Error("the cluster goes on trying")
			}
		})
	}
}
