package kubernetes

import (
	"context"
	"encoding/json"
	"strings"

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

// ApplySource applies the KafkaSource of an inference; manifest is anything whose
// JSON it is.
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
	is, err := k.lookUpSource(ctx, name)
	if err != nil {
		return err
	}
	if is != nil && !k.feeds(is, o.GetLabels()[inferenceLabel]) {
		return &pipeline.Error{
			Op: "apply KafkaSource " + name, Kind: pipeline.Conflict, Field: "name", Reason: "there is one of that name that is not of this inference",
			Hint: "delete that KafkaSource, or give the inference another name",
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

// lookUpSource returns the KafkaSource of a name, nil where there is none.
func (k *Platform) lookUpSource(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	is, err := k.sources().Get(ctx, name, metav1.GetOptions{})
	if kerrors.IsNotFound(err) {
		return nil, nil // none is an answer
	}
	return is, k.failure("look up KafkaSource "+name, err)
}

// feeds reports whether a KafkaSource was made here for an inference: it bears our
// labels, and belongs to the owner of what we make or to nobody. Those of earlier
// versions name their inference by their consumer group alone.
func (k *Platform) feeds(s *unstructured.Unstructured, inference string) bool {
	of, labelled := s.GetLabels()[inferenceLabel]
	if !labelled {
		group, _, _ := unstructured.NestedString(s.Object, "spec", "consumerGroup")
		of = strings.TrimPrefix(group, pipeline.InferenceGroup("", ""))
	}
	owner := metav1.GetControllerOf(s)
	return s.GetLabels()[managedLabel] == pipeline.StepDeployInference && of == inference && (owner == nil || owner.Name == k.c.Owner)
}

// DeleteSource deletes a KafkaSource of an inference and waits until it is gone;
// one that does not exist, or is not of that inference, is no error.
func (k *Platform) DeleteSource(ctx context.Context, name, inference string) error {
	is, err := k.lookUpSource(ctx, name)
	if err != nil || is == nil || !k.feeds(is, inference) {
		return err
	}
	uid, foreground := is.GetUID(), metav1.DeletePropagationForeground
	err = k.sources().Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{UID: &uid}})
	if err != nil && !kerrors.IsNotFound(err) {
		return k.failure("delete KafkaSource "+name, err)
	}
	return gone(ctx, "delete KafkaSource "+name, func(ctx context.Context) error {
		now, err := k.sources().Get(ctx, name, metav1.GetOptions{})
		return replaced(is, now, err)
	})
}
