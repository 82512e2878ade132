// Dispatcher is the KafkaSource controller of the test node, whose registries
// have none: it watches KafkaSources and does by eventing.Dispatcher, the one
// of local mode, what Knative's data plane does. Sinks are Knative Services,
// called by their cluster-local names.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/stream"
)

var resource = schema.GroupVersionResource{Group: "sources.knative.dev", Version: "v1", Resource: "kafkasources"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(ctx, log); err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	config, err := stream.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	cluster, err := stream.Dial(ctx, config)
	if err != nil {
		return err
	}
	defer cluster.Close()
	client, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	objects, err := dynamic.NewForConfig(client)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	accounts, err := clientset.NewForConfig(client)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	t := &tokens{cluster: accounts}
	d := eventing.NewDispatcher(cluster, address, log).As(t.show)
	defer d.Close()
	return watch(ctx, objects, cluster, d, t, log)
}

// address is the cluster-local address of a Knative Service.
func address(to eventing.Destination) []string {
	if to.Ref == nil {
		return nil
	}
	return []string{"http://" + to.Ref.Name + "." + to.Ref.Namespace + ".svc.cluster.local/"}
}

// watch brings the dispatcher in line with the KafkaSources until ctx ends.
func watch(ctx context.Context, objects dynamic.Interface, cluster *stream.Cluster, d *eventing.Dispatcher, t *tokens, log *slog.Logger) error {
	factory := dynamicinformer.NewDynamicSharedInformerFactory(objects, again)
	apply := func(o any) {
		s, err := sourceOf(o.(*unstructured.Unstructured))
		if err == nil {
			err = ready(ctx, cluster, s)
		}
		if err == nil {
			err = t.prepare(ctx, s)
		}
		if err == nil {
			err = d.Apply(ctx, s)
		}
		if err != nil {
			log.Error("a source was not applied", "source", s.Name(), "error", err)
		}
	}
	_, err := factory.ForResource(resource).Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    apply,
		UpdateFunc: func(_, o any) { apply(o) },
		DeleteFunc: func(o any) {
			if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = last.Obj
			}
			s, err := sourceOf(o.(*unstructured.Unstructured))
			if err == nil {
				err = d.Delete(ctx, s)
			}
			if err != nil {
				log.Error("a source was not deleted", "source", s.Name(), "error", err)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watch KafkaSources: %w", err)
	}
	factory.Start(ctx.Done())
	log.Info("watching KafkaSources")
	<-ctx.Done()
	factory.Shutdown()
	return nil
}

// again is how often every source is looked at anew.
const again = 5 * time.Second

// ready reports whether the topics of a source are there: like Knative's, a
// source waits for them.
func ready(ctx context.Context, cluster *stream.Cluster, s eventing.KafkaSource) error {
	for _, topic := range s.Spec.Topics {
		if _, err := cluster.Partitions(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// sourceOf reads what eventing knows of a KafkaSource. A sink that names no
// namespace is in the source's own.
func sourceOf(u *unstructured.Unstructured) (s eventing.KafkaSource, err error) {
	text, err := u.MarshalJSON()
	if err != nil {
		return s, err
	}
	err = json.Unmarshal(text, &s)
	if ref := s.Spec.Sink.Ref; ref != nil && ref.Namespace == "" {
		ref.Namespace = s.Metadata.Namespace
	}
	return s, err
}
