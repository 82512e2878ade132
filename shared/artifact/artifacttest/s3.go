// Package artifacttest runs a real S3-compatible server over a folder, for
// tests of what keeps its blobs in S3.
package artifacttest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/toolchain"
)

const gateway = "github.com/versity/versitygw"

// S3 is Serve for a test that opens the bucket itself: it sets the AWS variables
// of the environment, so the test cannot run in parallel with others.
func S3(t testing.TB) (url string) {
	t.Helper()
	for name, value := range Keys {
		t.Setenv(name, value)
	}
	return URL(Serve(t))
}

// Keys are the variables by which a process may use a server.
var Keys = map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret", "AWS_EC2_METADATA_DISABLED": "true"}

// URL is what artifact.Open takes of a server's address, or of a proxy before it.
func URL(address string) string {
	return fmt.Sprintf("s3://models?endpoint=http://%s&region=us-east-1&use_path_style=true", address)
}

// Serve starts a server with an empty bucket for the length of a test and gives
// its address.
func Serve(t testing.TB) (address string) {
	t.Helper()
	folder := t.TempDir() // a bucket is a folder in it
	if err := os.Mkdir(filepath.Join(folder, models), 0o755); err != nil {
		t.Fatal(err)
	}
	address = freeAddress(t)
	start(t, address, exec.Command(program(t), arguments(address, folder)...))
	return address
}

// ServeFrom is Serve from a disk of so many MiB, which Fill fills.
func ServeFrom(t testing.TB, mebibytes int) (address, disk string) {
	t.Helper()
	folder := t.TempDir()
	address = freeAddress(t)
	server := OnDisk(folder, mebibytes, append([]string{"sh", "-c", `mkdir "$0" && exec "$@"`, filepath.Join(folder, models), program(t)}, arguments(address, folder)...)...)
	start(t, address, server)
	return address, Disk(server.Process.Pid, folder)
}

const models = "models" // the bucket

func arguments(address, folder string) []string {
	return []string{"--quiet", "--access", "test", "--secret", "test-secret", "--port", address, "posix", folder}
}

// start starts a server for the length of a test.
func start(t testing.TB, address string, server *exec.Cmd) {
	t.Helper()
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // says that it was killed
	})
	if err := answers(t.Context(), "http://"+address); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
}

// answers waits until something speaks HTTP at url.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the S3 server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// program gives the server's path, built from tools.mod into the toolchain's
// folder the first time.
func program(t testing.TB) string {
	t.Helper()
	root := filepath.Dir(strings.TrimSpace(run(t, ".", "go", "env", "GOMOD")))
	version := strings.TrimSpace(run(t, root, "go", "list", "-modfile=tools.mod", "-m", "-f", "{{.Version}}", gateway))
	path := filepath.Join(toolchain.Dir(), "versitygw-"+version)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	part := fmt.Sprintf("%s.%d", path, os.Getpid())
	run(t, root, "go", "build", "-modfile=tools.mod", "-o", part, gateway+"/cmd/versitygw")
	if err := os.Rename(part, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t testing.TB, dir string, command ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Dir = dir
	var problem strings.Builder
	c.Stderr = &problem
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, problem.String())
	}
	return string(out)
}
