package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// volume is what the CronJob of docs/kubernetes.md writes to: a folder of the node.
const volume = `apiVersion: v1
kind: PersistentVolume
metadata: {name: backups}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  claimRef: {namespace: kafkaml, name: backups}
  hostPath: {path: %q}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: backups, namespace: kafkaml}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: backups, resources: {requests: {storage: 1Gi}}}
---
`

// backup runs the CronJob of docs/kubernetes.md once and restores what it wrote.
func (w *walk) backup(ctx context.Context, r *row) error {
	folder := filepath.Join(os.Getenv("E2E_RUN"), "backups")
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.Chown(folder, 65532, 65532)); err != nil {
		return fmt.Errorf("make the volume: %w", err)
	}
	job, err := cronJob(os.Getenv("E2E_DOCS"))
	if err != nil {
		return err
	}
	file := filepath.Join(folder, "manifest.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(volume, folder)+job), 0o600); err != nil {
		return fmt.Errorf("write the manifests: %w", err)
	}
	for _, args := range [][]string{{"apply", "-f", file}, {"create", "job", "--from=cronjob/backup", "backup-now"}, {"wait", "--for=condition=Complete", "job/backup-now", "--timeout=10m"}} {
		if _, err := w.kubectl(ctx, args...); err != nil {
			return err
		}
	}
	made, err := filepath.Glob(filepath.Join(folder, "*.tar"))
	if err != nil || len(made) != 1 {
		return fmt.Errorf("backups: %v: %w", made, err)
	}
	return w.restored(ctx, made[0], r)
}

// cronJob is the manifest in the documentation, with the image of the node.
func cronJob(docs string) (string, error) {
	text, err := os.ReadFile(docs)
	if err != nil {
		return "", fmt.Errorf("read the documentation: %w", err)
	}
	_, rest, found := strings.Cut(string(text), "\n    apiVersion: batch/v1\n    kind: CronJob\n")
	block, _, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		return "", fmt.Errorf("%s has no CronJob", docs)
	}
	block = strings.ReplaceAll("\n"+block, "\n    ", "\n")
	return "apiVersion: batch/v1\nkind: CronJob\n" + strings.ReplaceAll(block, "REGISTRY/kafkaml", "dev.local/kafkaml:e2e") + "\n", nil
}

// restored puts a backup into an empty folder and says what is in it.
func (w *walk) restored(ctx context.Context, file string, r *row) error {
	data, err := os.MkdirTemp("", "e2e-restored-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(data) }()
	out, err := exec.CommandContext(ctx, w.kafkaml, "restore", file, "--data", data).CombinedOutput()
	if err != nil {
		return fmt.Errorf("restore: %w: %s", err, out)
	}
	r.notef("%s", strings.Join(strings.Fields(string(out)), " "))
	return nil
}
