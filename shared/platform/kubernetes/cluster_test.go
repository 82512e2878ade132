//go:build cluster

package kubernetes

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/platformtest"
)

// The contract on a real cluster. make e2e builds this program, gives it to the
// cluster as an image and runs it by
//
//	KUBECONFIG          the cluster, by an account that may act for others
//	PLATFORM_NAMESPACE  a namespace with the accounts of manifests/base/accounts.yaml
//	PLATFORM_IMAGE      the image with this program as its entry point
//
// Knative's routes must resolve from here.
func TestMain(m *testing.M) { platformtest.Main(m) }

func TestContract(t *testing.T) {
	client, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	platformtest.Exercise(t, platformtest.Backend{
		Outlives: true, Patience: 10 * time.Minute,
		Place: func(t *testing.T) func(func(context.Context, platform.Ended)) platformtest.Owner {
			empty(t, client)
			return func(onEnded func(context.Context, platform.Ended)) platformtest.Owner {
				return owner(t, client, onEnded)
			}
		},
	})
}

// images are of the suite's work, which is of no framework.
func images() map[string]Image { return map[string]Image{"": {Name: os.Getenv("PLATFORM_IMAGE")}} }

// empty deletes the Jobs that ended in the test before: one that is started again
// under its name would be taken for the one that ran.
func empty(t *testing.T, client *rest.Config) {
	t.Helper()
	k, err := New(Config{Client: client, Namespace: os.Getenv("PLATFORM_NAMESPACE"), Images: images()})
	if err != nil {
		t.Fatal(err)
	}
	list, err := k.core.BatchV1().Jobs(k.c.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: jobSelector})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range list.Items {
		if err := k.Stop(t.Context(), j.Name); err != nil {
			t.Fatal(err)
		}
	}
}

// owner opens the platform as the two functions do: Jobs by deploy-training,
// Services by deploy-inference, each with the rights of its account.
func owner(t *testing.T, client *rest.Config, onEnded func(context.Context, platform.Ended)) platformtest.Owner {
	t.Helper()
	as := func(function string) *Platform {
		acting := rest.CopyConfig(client)
		acting.Impersonate.UserName = "system:serviceaccount:" + os.Getenv("PLATFORM_NAMESPACE") + ":" + function
		k, err := New(Config{
			Client: acting, Namespace: os.Getenv("PLATFORM_NAMESPACE"), Images: images(), Account: "kafkaml-worker",
			OnEnded: onEnded, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	jobs, services := as("deploy-training"), as("deploy-inference")
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	if onEnded != nil {
		watch.Go(func() { jobs.Watch(ctx) })
	}
	return platformtest.Owner{Jobs: jobs, Services: services, Close: func() {
		cancel()
		watch.Wait()
	}}
}
