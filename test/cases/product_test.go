package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	startTime = 5 * time.Minute  // of a kafkaml run with Apache Kafka, on a busy machine
	waitTime  = 5 * time.Minute  // of anything that a person waits for
	rowTime   = 10 * time.Minute // of all that one row does
)

// product is a kafkaml run with a data folder and an Apache Kafka of its own.
type product struct {
	bin, dir string
	running  *exec.Cmd
	said     output
	ended    chan struct{}

	url     string
	brokers []string
	client  *client.Client
	cluster *stream.Cluster
	kafka   *kgo.Client // the plain producer of other people's programs

	mu     sync.Mutex
	models map[string]*registered
	points trainedOnce // what rows serve that only need something to predict
}

// start starts kafkaml run and connects to it.
func start(bin string) (*product, error) {
	dir, err := os.MkdirTemp("", "kafkaml-cases-")
	if err != nil {
		return nil, err
	}
	p := &product{bin: bin, dir: dir, ended: make(chan struct{}), models: map[string]*registered{}}
	ready := filepath.Join(dir, "ready.json")
	p.running = p.command("run", "--data", filepath.Join(dir, "data"), "--broker", "kafka", "--ready-file", ready,
		"--port", "0", "--kafka-port", "0")
	p.running.Stdout, p.running.Stderr = &p.said, &p.said
	p.running.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.running.Start(); err != nil {
		return nil, err
	}
	go func() { // close waits for it
		defer close(p.ended)
		_ = p.running.Wait() // its state says how it ended
	}()
	if err := p.connect(ready); err != nil {
		return nil, errors.Join(err, p.close(true))
	}
	return p, nil
}

// connect waits until the product is ready.
func (p *product) connect(ready string) error {
	var up struct {
		URL     string
		Brokers []string
	}
	err := p.within(startTime, func() (string, bool, error) {
		b, err := os.ReadFile(ready)
		if errors.Is(err, os.ErrNotExist) {
			return "kafkaml run is not ready", false, nil
		}
		return "", true, errors.Join(err, json.Unmarshal(b, &up))
	})
	if err != nil {
		return err
	}
	p.url, p.brokers, p.client = up.URL, up.Brokers, client.New(up.URL)
	ctx := context.Background()
	if p.cluster, err = stream.Dial(ctx, stream.Config{Brokers: up.Brokers}); err != nil {
		return err
	}
	return p.dial()
}

// dial makes the plain producer.
func (p *product) dial() (err error) {
	if p.kafka != nil {
		p.kafka.Close()
	}
	p.kafka, err = kgo.NewClient(kgo.SeedBrokers(p.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(8<<20), kgo.ProducerLinger(0))
	return err
}

// close ends the product, and shows the end of its log where a case failed.
func (p *product) close(tell bool) error {
	var err error
	if p.kafka != nil {
		p.kafka.Close()
	}
	if p.cluster != nil {
		err = p.cluster.Close()
	}
	_ = syscall.Kill(-p.running.Process.Pid, syscall.SIGINT) // it may have ended
	<-p.ended
	if tell {
		log, _ := os.ReadFile(filepath.Join(p.dir, "data", "logs", "kafkaml.log")) // not there where it never began
		fmt.Fprintf(os.Stderr, "kafkaml run said:\n%s\nthe end of its log:\n%s\n", p.said.String(), log[max(0, len(log)-4<<10):])
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// command prepares a program of ours.
func (p *product) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, "kafkaml"), args...) // #nosec G204 -- of the tests
	cmd.Dir = p.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "KAFKA_") || strings.HasPrefix(v, "KAFKAML_URL=") || strings.HasPrefix(v, "BROKER=")
	})
	if p.url != "" {
		cmd.Env = append(cmd.Env, "KAFKAML_URL="+p.url)
	}
	return cmd
}

// types types a command and gives all that it printed, and its exit code.
func (a *attempt) types(args ...string) (said string, code int) {
	cmd := a.command(args...)
	defer context.AfterFunc(a.ctx, func() { _ = cmd.Process.Kill() })() // that waits for ever
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// typesUntil types a command that goes on, and ends it by Ctrl-C once it has
// printed a text.
func (a *attempt) typesUntil(text string, args ...string) (said string, code int) {
	cmd := a.command(args...)
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	a.must(cmd.Start())
	defer context.AfterFunc(a.ctx, func() { _ = cmd.Process.Kill() })()
	err := a.within(waitTime, func() (string, bool, error) { return out.String(), strings.Contains(out.String(), text), a.ctx.Err() })
	_ = cmd.Process.Signal(os.Interrupt) // it may have ended
	_ = cmd.Wait()                       // its state says how it ended
	a.must(err)
	return out.String(), cmd.ProcessState.ExitCode()
}

// output gathers what a process prints while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// within asks again and again until done.
func (p *product) within(limit time.Duration, ask func() (state string, done bool, err error)) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		state, done, err := ask()
		if done || err != nil {
			return err
		}
		select {
		case <-p.ended:
			return fmt.Errorf("kafkaml run ended: %s", p.said.String())
		case <-deadline.C:
			return fmt.Errorf("not within %s: %s", limit, state)
		case <-tick.C:
		}
	}
}
