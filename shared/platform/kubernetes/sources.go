package kubernetes

import (
	"context"
	"encoding/json"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// kafkaSources is the resource of Knative's KafkaSource.
var kafkaSources = schema.GroupVersionResource{Group: "sources.knative.dev", Version: "v1", Resource: "kafkasources"}

func (k *Platform) sources() dynamic.ResourceInterface {
	return k.dynamic.Resource(kafkaSources).Namespace(k.c.Namespace)
}

// ApplySource applies a KafkaSource; manifest is anything whose JSON it is.
// Fields that others set, such as the number of consumers by KEDA, are
// overwritten only if the manifest has them.
func (k *Platform) ApplySource(ctx context.Context, name string, manifest any) error {
	text, err := json.Marshal(manifest)
	if err != nil {
		return pipeline.Invalidf("source", "cannot be written as JSON: %v", err)
	}
	var o unstructured.Unstructured
	if err := json.Unmarshal(text, &o.Object); err != nil {
		return pipeline.Invalidf("source", "is not an object: %v", err)
	}
	o.SetNamespace(k.c.Namespace)
	found, ours, err := k.lookUpSource(ctx, name)
	if err != nil {
		return err
	}
	if found && !ours {
		return &pipeline.Error{
			Op: "apply KafkaSource " + name, Kind: pipeline.Conflict, Field: "name", Reason: "there is one of that name that is not of an inference",
			Hint: "give the inference another name, or delete that KafkaSource",
		}
	}
	owners, err := k.owners(ctx)
	if err != nil {
		return err
	}
	o.SetOwnerReferences(owners)
	_, err = k.sources().Apply(ctx, name, &o, metav1.ApplyOptions{FieldManager: managedBy, Force: true})
	return k.failure("apply KafkaSource "+name, err)
}

// lookUpSource reports whether there is a KafkaSource of a name, and whether it is
// of an inference.
func (k *Platform) lookUpSource(ctx context.Context, name string) (found, ours bool, err error) {
	is, err := k.sources().Get(ctx, name, metav1.GetOptions{})
	if kerrors.IsNotFound(err) {
		return false, false, nil
	}
	if err != nil {
		return false, false, k.failure("look up KafkaSource "+name, err)
	}
	return true, is.GetLabels()[managedLabel] == pipeline.StepDeployInference, nil
}

// DeleteSource deletes the KafkaSource of an inference and waits until it is gone;
// one that does not exist, or is of no inference, is no error.
func (k *Platform) DeleteSource(ctx context.Context, name string) error {
	if _, ours, err := k.lookUpSource(ctx, name); err != nil || !ours {
		return err
	}
	foreground := metav1.DeletePropagationForeground
	err := k.sources().Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &foreground})
	if err != nil && !kerrors.IsNotFound(err) {
		return k.failure("delete KafkaSource "+name, err)
	}
	return gone(ctx, "delete KafkaSource "+name, func(ctx context.Context) error {
		_, err := k.sources().Get(ctx, name, metav1.GetOptions{})
		return err
	})
}
