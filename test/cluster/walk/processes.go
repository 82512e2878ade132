package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// kind tells processes of the node, in whose namespaces the walk runs, by their
// arguments, of which there is one at least, and their environment.
type kind func(args, environment []string) bool

func program(path string) kind {
	return func(args, _ []string) bool { return args[0] == path }
}

func apiServer(args, _ []string) bool {
	return len(args) > 1 && args[1] == "kube-apiserver"
}

// verb is kafkaml with its first argument.
func verb(name string) kind {
	return func(args, _ []string) bool {
		return len(args) > 1 && strings.HasPrefix(filepath.Base(args[0]), "kafkaml") && args[1] == name
	}
}

// service is kafkaml in the Knative Service of a name.
func service(name, does string) kind {
	return func(args, environment []string) bool {
		return verb(does)(args, environment) && slices.Contains(environment, "K_SERVICE="+name)
	}
}

// database is the server on a data folder of services-up.sh, not its children.
func database(folder string) kind {
	return func(args, _ []string) bool {
		return filepath.Base(args[0]) == "postgres" && slices.ContainsFunc(args, func(a string) bool { return strings.HasSuffix(a, "/postgres/"+folder) })
	}
}

// pids are those of a kind.
func pids(is kind) (all []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		args, environment := words(pid, "cmdline"), words(pid, "environ")
		if args[0] != "" && is(args, environment) {
			all = append(all, pid)
		}
	}
	return all, nil
}

// words reads a file of a process; one that has ended has none.
func words(pid int, file string) []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
}

// send sends a signal to the first process of a kind and gives all that there
// were.
func send(is kind, s syscall.Signal) ([]int, error) {
	all, err := pids(is)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no process to send %s", s)
	}
	return all, syscall.Kill(all[0], s)
}

// killed kills a process of each kind, and waits until as many run again.
func killed(kinds ...kind) func(*walk, context.Context) error {
	return func(_ *walk, ctx context.Context) error {
		for _, is := range kinds {
			before, err := send(is, syscall.SIGKILL)
			if err != nil {
				return err
			}
			err = until(ctx, func() (bool, error) {
				now, err := pids(is)
				return len(now) >= len(before) && !slices.Contains(now, before[0]), err
			})
			if err != nil {
				return fmt.Errorf("wait for another: %w", err)
			}
		}
		return nil
	}
}

// stopped stops a process for a while.
func stopped(is kind, d time.Duration) func(*walk, context.Context) error {
	return func(_ *walk, ctx context.Context) error {
		all, err := send(is, syscall.SIGSTOP)
		if err != nil {
			return err
		}
		defer func() { _ = syscall.Kill(all[0], syscall.SIGCONT) }() // one that is gone need not go on
		return pause(ctx, d)
	}
}

// down kills every process of a kind that comes, for a while.
func down(is kind, d time.Duration) func(*walk, context.Context) error {
	return func(_ *walk, ctx context.Context) error {
		for end := time.Now().Add(d); time.Now().Before(end); {
			_, _ = send(is, syscall.SIGKILL) // there is none most of the time
			if err := pause(ctx, time.Second/2); err != nil {
				return err
			}
		}
		return nil
	}
}

// killReplicas kills one of each inference.
func (w *walk) killReplicas(ctx context.Context) error {
	var kinds []kind
	for _, i := range w.served {
		kinds = append(kinds, service(pipeline.ServiceName(i.Name), "predict"))
	}
	return killed(kinds...)(w, ctx)
}

// drain takes every pod of kafkaml's away from one node after the other, as an
// upgrade of the nodes would.
func (w *walk) drain(ctx context.Context) error {
	for _, node := range []string{"node1", "node2"} {
		if _, err := w.kubectl(ctx, "drain", node, "--pod-selector=app.kubernetes.io/part-of=kafkaml", "--delete-emptydir-data", "--timeout=10m"); err != nil {
			return err
		}
		if _, err := w.kubectl(ctx, "uncordon", node); err != nil {
			return err
		}
	}
	return nil
}

// failOver kills PostgreSQL for good, promotes its standby and points the Service
// to it, as an operator of databases does.
func (w *walk) failOver(ctx context.Context) error {
	if err := os.WriteFile(os.Getenv("E2E_RUN")+"/postgres/data.failed", nil, 0o600); err != nil {
		return fmt.Errorf("let it be dead: %w", err)
	}
	if _, err := send(database("data"), syscall.SIGKILL); err != nil {
		return err
	}
	standby, err := pgx.Connect(ctx, databaseAt("10.77.0.10:5433"))
	if err != nil {
		return fmt.Errorf("ask the standby: %w", err)
	}
	defer func() { _ = standby.Close(ctx) }()
	if _, err := standby.Exec(ctx, "SELECT pg_promote()"); err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	_, err = w.kubectl(ctx, "-n", "services", "patch", "endpointslice", "postgres", "--type=json", "-p", `[{"op": "replace", "path": "/ports/0/port", "value": 5433}]`)
	return err
}

// databaseAt is the address of a PostgreSQL of services-up.sh.
func databaseAt(host string) string {
	return "postgres://postgres:postgres@" + host + "/postgres?sslmode=disable"
}
