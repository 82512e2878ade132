package kubernetes

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kafkaml/kafkaml/shared/platform"
)

const (
	// maxVariable is the largest description, in bytes, that is put into the
	// pod's environment; a larger one is put into a ConfigMap that the pod mounts.
	maxVariable = 64 << 10
	// maxConfigMap is how many bytes of values the API server accepts in one
	// ConfigMap.
	maxConfigMap = 1 << 20

	workVolume = "work"
	workFolder = "/etc/kafkaml/work"
	workFile   = "description.json.gz"
)

// description is how a pod learns what to do.
type description struct {
	variable  string            // NAME=value
	configMap *corev1.ConfigMap // nil if the variable holds the description
}

// describe returns the description of the Job or Service called name. Each
// description has a ConfigMap of its own: a replaced revision keeps reading its.
func (k *Platform) describe(component, name, variable string, spec any) (description, error) {
	text, err := platform.Describe(spec)
	if err != nil || len(text) <= maxVariable {
		return description{variable: variable + "=" + string(text)}, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(text) // a buffer takes everything
	_ = z.Close()
	if packed.Len() > maxConfigMap {
		return description{}, platform.TooLarge(text, fmt.Sprintf(
			"the work of one process is described in %d bytes, compressed %d, more than the %d that a ConfigMap holds", len(text), packed.Len(), maxConfigMap))
	}
	immutable := true
	return description{
		variable: variable + platform.FileSuffix + "=" + workFolder + "/" + workFile,
		configMap: &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("%s-%.6x", name, sha256.Sum256(text)), Namespace: k.c.Namespace, Labels: labelsOf(component, name),
			},
			Immutable: &immutable, BinaryData: map[string][]byte{workFile: packed.Bytes()},
		},
	}, nil
}

// mount adds the ConfigMap, if there is one, to a pod's volumes and mounts.
func (d description) mount(volumes []corev1.Volume, mounts []corev1.VolumeMount) ([]corev1.Volume, []corev1.VolumeMount) {
	if d.configMap == nil {
		return volumes, mounts
	}
	volumes = append(volumes, corev1.Volume{Name: workVolume, VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: d.configMap.Name}},
	}})
	return volumes, append(mounts, corev1.VolumeMount{Name: workVolume, MountPath: workFolder, ReadOnly: true})
}

// createConfigMap creates the ConfigMap, if there is one, before its reader. It
// belongs to owners until setOwner.
func (k *Platform) createConfigMap(ctx context.Context, d description, owners []metav1.OwnerReference) error {
	if d.configMap == nil {
		return nil
	}
	d.configMap.OwnerReferences = owners
	_, err := k.core.CoreV1().ConfigMaps(k.c.Namespace).Create(ctx, d.configMap, metav1.CreateOptions{})
	if kerrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// setOwner makes the ConfigMap, if there is one, belong to the object that reads
// it, to be deleted with it.
func (k *Platform) setOwner(ctx context.Context, d description, reader metav1.Object, kind schema.GroupVersionKind) error {
	if d.configMap == nil {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": []metav1.OwnerReference{{
		APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: reader.GetName(), UID: reader.GetUID(),
	}}}})
	if err != nil {
		return err
	}
	_, err = k.core.CoreV1().ConfigMaps(k.c.Namespace).Patch(ctx, d.configMap.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// deleteConfigMap deletes the ConfigMap, if there is one, of an object that the
// API server refused.
func (k *Platform) deleteConfigMap(ctx context.Context, d description) error {
	if d.configMap == nil {
		return nil
	}
	err := k.core.CoreV1().ConfigMaps(k.c.Namespace).Delete(ctx, d.configMap.Name, metav1.DeleteOptions{})
	if kerrors.IsNotFound(err) {
		return nil
	}
	return err
}
