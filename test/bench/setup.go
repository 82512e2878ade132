package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// bench is what the rows share: one Apache Kafka, one kafkaml on it, and the
// Python of the other side.
type bench struct {
	runs    int
	quick   bool
	dir     string
	broker  *broker.Broker
	cluster *stream.Cluster
	url     string
	client  *client.Client
	logins  *logins
	product *exec.Cmd
	python  string
	extra   string // folder of the Python packages beside TensorFlow's
	env     []string
	sources map[string]string // of models.py, with "imports"
	models  map[string]int64
	topics  int
	named   int // configurations and inferences

	trainedOnce map[string]*served
}

// scaled is n, or small where the bench is to be quick.
func (b *bench) scaled(n, small int) int {
	if b.quick {
		return small
	}
	return n
}

// setUp starts Apache Kafka and kafkaml on free ports in a folder of their own.
func setUp(ctx context.Context, runs int, quick bool) (b *bench, err error) {
	b = &bench{runs: max(1, runs), quick: quick, models: map[string]int64{}, trainedOnce: map[string]*served{}}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.dir, err = os.MkdirTemp("", "kafkaml-bench-"); err != nil {
		return b, err
	}
	if err := b.findPython(ctx); err != nil {
		return b, err
	}
	lib, err := toolchain.Kafka()
	if err != nil {
		return b, err
	}
	if b.broker, err = broker.Kafka(ctx, lib, filepath.Join(b.dir, "kafka"), 0); err != nil {
		return b, err
	}
	if b.cluster, err = stream.Dial(ctx, stream.Config{Brokers: []string{b.broker.Addr}}); err != nil {
		return b, err
	}
	if b.logins, err = newLogins(); err != nil {
		return b, err
	}
	return b, b.startProduct(ctx)
}

func (b *bench) close() {
	if b.product != nil && b.product.Process != nil {
		_ = b.product.Process.Signal(syscall.SIGTERM) // gone already, if it fails
		_ = b.product.Wait()
	}
	if b.logins != nil {
		b.logins.issuer.Close()
	}
	if b.cluster != nil {
		b.cluster.Close()
	}
	if b.broker != nil {
		_ = b.broker.Close() // the figures are taken
	}
	os.RemoveAll(b.dir)
}

// findPython finds the interpreter and reads the sources of the models.
func (b *bench) findPython(ctx context.Context) error {
	python, site, err := toolchain.Python()
	if err != nil {
		return err
	}
	b.python = python
	b.extra = filepath.Join(toolchain.Dir(), "bench-3", "site")
	optuna, err := toolchain.OptunaPackages()
	if err != nil {
		return err
	}
	b.env = append(os.Environ(), "PYTHONPATH="+strings.Join([]string{site, b.extra, optuna}, string(os.PathListSeparator)), "PYTHONDONTWRITEBYTECODE=1", "TF_CPP_MIN_LOG_LEVEL=3")
	out, err := b.printed(ctx, "models.py")
	if err != nil {
		return fmt.Errorf("read the models: %w", err)
	}
	return json.Unmarshal(out, &b.sources)
}

// startProduct starts kafkaml on the broker and waits until it runs.
func (b *bench) startProduct(ctx context.Context) error {
	ready := filepath.Join(b.dir, "ready.json")
	b.product = exec.CommandContext(ctx, "bin/kafkaml", "run", "--data", filepath.Join(b.dir, "data"), "--port", "0", "--ready-file", ready)
	b.product.Env = append(append(os.Environ(), "KAFKA_BROKERS="+b.broker.Addr), b.logins.settings...)
	b.product.Stderr = os.Stderr
	b.product.Cancel = func() error { return b.product.Process.Signal(syscall.SIGTERM) }
	if err := b.product.Start(); err != nil {
		return fmt.Errorf("start bin/kafkaml (make build): %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("kafkaml is not ready after a minute"))
	defer cancel()
	var where struct {
		URL string `json:"url"`
	}
	err := poll(ctx, 50*time.Millisecond, func() (bool, error) {
		text, err := os.ReadFile(ready)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return err == nil, errors.Join(err, json.Unmarshal(text, &where))
	})
	b.url, b.client = where.URL, client.New(where.URL)
	return err
}

// topic makes a topic of a name of its own and waits until its partitions
// answer.
func (b *bench) topic(ctx context.Context, name string, partitions int) (string, error) {
	b.topics++
	name = fmt.Sprintf("bench-%s-%d", name, b.topics)
	if err := b.cluster.EnsureTopic(ctx, name, partitions); err != nil {
		return "", err
	}
	return name, poll(ctx, 20*time.Millisecond, func() (bool, error) {
		_, _, err := b.cluster.Offsets(ctx, name)
		if pipeline.KindOf(err) == pipeline.Unavailable && ctx.Err() == nil {
			return false, nil // no leader yet
		}
		return err == nil, err
	})
}

// model registers a model of models.py once and gives its id.
func (b *bench) model(ctx context.Context, name string) (int64, error) {
	if id, ok := b.models[name]; ok {
		return id, nil
	}
	source, _, _ := strings.Cut(name, "#") // small#3 is one of several alike
	m, err := client.Do[pipeline.Model](ctx, b.client, b.client.RegisterModel(pipeline.ModelForm{
		Name: strings.ReplaceAll(name, "#", "-"), Imports: b.sources["imports"], Source: b.sources[source],
	}))
	b.models[name] = m.ID
	return m.ID, err
}

// poll asks until done or an error.
func poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
