package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/artifact/artifacttest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// fault is something that goes wrong, and right again.
type fault struct {
	name   string
	short  bool   // also where little time is to be taken
	once   bool   // however often the others
	needs  string // a file that not every machine has
	strike func(w *world)
}

// world is a kafkaml on Apache Kafka, PostgreSQL and S3, each behind a proxy, with
// an inference of each delivery under load.
type world struct {
	*machine
	c         *stream.Cluster
	broker    *proxy
	database  *proxy
	store     *proxy
	disk      string // of the store
	direct    *flow
	source    *flow
	trained   pipeline.Result
	another   pipeline.Result // of the same model
	outage    time.Duration   // how long something is gone
	reasons   []string        // for which trainings may fail, beside that they were killed
	clock     string          // folder of the file that sets the broker's clock
	duplicate int             // of commands: effects that came twice
}

// report is a line of the table.
type report struct {
	fault                           string
	times, records, lost, duplicate int
	silent                          time.Duration // the longest time without a prediction
}

// TestFaults lets one thing after another go wrong while records are predicted,
// and counts what was lost, what came twice, and how long nothing came. With
// KAFKAML_LONG=1 each of them goes wrong three times, and more of them do;
// KAFKAML_FAULT, a regular expression, chooses among them by their names. Before
// that comes a soak, or with KAFKAML_SOAK that alone, for so long.
func TestFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	times := 1
	if os.Getenv("KAFKAML_LONG") != "" {
		times, w.outage = 3, 30*time.Second
	}
	stop := w.load()
	defer stop()

	lasts := 6 * time.Second
	if text := os.Getenv(soakFor); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	w.soak(lasts)
	if os.Getenv(soakFor) != "" {
		return
	}
	chosen, err := regexp.Compile(os.Getenv("KAFKAML_FAULT"))
	if err != nil {
		t.Fatal(err)
	}
	var table []report
	defer func() { t.Log("\n" + tableOf(table)) }()
	for _, f := range faults {
		if times == 1 && !f.short || !chosen.MatchString(f.name) {
			continue
		}
		if _, err := os.Stat(f.needs); f.needs != "" && err != nil {
			t.Logf("NOT TRIED: %s: %v", f.name, err)
			continue
		}
		n := times
		if f.once {
			n = 1
		}
		r := w.let(f, n)
		table = append(table, r)
		t.Log("\n" + tableOf([]report{r}))
	}
}

// let lets a fault happen so many times.
func (w *world) let(f fault, times int) report {
	w.t.Helper()
	r := report{fault: f.name}
	for range times {
		w.t.Logf("%s %s", time.Now().Format(time.TimeOnly), f.name)
		_, _, before := w.settle()
		w.duplicate = 0
		w.direct.silence()
		w.source.silence()
		f.strike(w)
		records, lost, again := w.settle()
		r.silent = max(r.silent, w.direct.silence(), w.source.silence())
		r.times++
		r.records, r.lost, r.duplicate = records, r.lost+lost, r.duplicate+again-before+w.duplicate
	}
	if r.lost > 0 {
		w.t.Errorf("%s: %d records are lost", f.name, r.lost)
	}
	return r
}

// settle waits for the predictions of both flows.
func (w *world) settle() (records, lost, again int) {
	w.t.Helper()
	for _, f := range []*flow{w.direct, w.source} {
		n, l, a := f.settle()
		records, lost, again = records+n, lost+l, again+a
	}
	return records, lost, again
}

func tableOf(all []report) string {
	var text strings.Builder
	text.WriteString("| fault | times | lost | came twice, by their id | longest without a prediction |\n|---|---|---|---|---|\n")
	for _, r := range all {
		fmt.Fprintf(&text, "| %s | %d | %d of %d | %d | %.1f s |\n", r.fault, r.times, r.lost, r.records, r.duplicate, r.silent.Seconds())
	}
	return text.String()
}

// newWorld starts everything and trains the model that is served.
func newWorld(t *testing.T) *world {
	t.Helper()
	at, err := url.Parse(registrytest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	const room = 256 // MiB
	store, disk := artifacttest.ServeFrom(t, room)
	port := freePort(t)
	w := &world{
		broker: newProxy(t, fmt.Sprintf("127.0.0.1:%d", port)), database: newProxy(t, at.Host), store: newProxy(t, store),
		disk: disk, outage: 2 * time.Second, clock: folder(t),
	}
	at.Host = w.database.Listen
	env, err := brokersJava(w.clock, w.broker.Listen)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range maps.All(artifacttest.Keys) {
		env = append(env, name+"="+value)
	}
	w.machine = newMachine(t, env, "--broker", "kafka", "--database", at.String(), "--artifacts", artifacttest.URL(w.store.Listen), "--kafka-port", fmt.Sprint(port))
	w.c = w.dial()
	w.train()
	w.another = w.trainAnother()
	return w
}

// train trains the model that is served.
func (w *world) train() {
	w.t.Helper()
	w.model("small", "small.py")
	w.kafkaml("configurations", "create", "--name", "one", "--models", "small")
	deployment := w.created(deploySmall...)
	w.kafkaml("stream", "send", w.pointsFile(2200), "--label", "class", "--format", "RAW", "--topic", "points", "--deployment", deployment)
	w.trained = w.finished(deployment, 1)[0]
}

// load serves it under load, until stop.
func (w *world) load() (stop func()) {
	w.t.Helper()
	w.direct = newFlow(w.t, w.machine, w.c, w.trained, pipeline.Direct)
	w.source = newFlow(w.t, w.machine, w.c, w.trained, pipeline.Source)
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	for _, f := range []*flow{w.direct, w.source} {
		running.Go(func() { f.run(ctx) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// faults are what goes wrong, one after the other.
var faults = []fault{
	{name: "a replica: kill -9", short: true, strike: func(w *world) { w.toOne(predictor, syscall.SIGKILL) }},
	{name: "a replica: stopped, and on again", strike: func(w *world) { w.stopped(w.one(predictor).pid) }},
	{name: "the broker: kill -9", short: true, strike: func(w *world) { w.brokerAgain(w.t, w.toOne(apacheJava, syscall.SIGKILL)) }},
	{name: "the broker: stopped, and on again", strike: func(w *world) { w.stopped(w.one(apacheJava).pid) }},
	{name: "the host: kill -9", short: true, strike: func(w *world) { w.kill(); w.start() }},
	{name: "the host in the middle of commands: stopped, and on again", strike: func(w *world) {
		w.commandsWhile(func() { w.stopped(w.running.Process.Pid) })
	}},
	{name: "the host in the middle of commands: kill -9", strike: func(w *world) { w.commandsWhile(func() { w.kill(); w.start() }) }},
	{name: "the database gone in the middle of commands", short: true, strike: func(w *world) { w.commandsWhile(func() { w.database.cutFor(w.outage) }) }},
	{name: "the database slow", strike: func(w *world) {
		w.commandsWhile(func() { w.database.slowFor(w.outage, 100*time.Millisecond) })
	}},
	{name: "the database gone in a training", strike: func(w *world) { w.trainingWhile(func() { w.database.cutFor(w.outage) }) }},
	{name: "the store gone in a training", short: true, strike: func(w *world) { w.trainingWhile(func() { w.store.cutFor(w.outage) }) }},
	{name: "the store slow in a training", strike: func(w *world) {
		w.trainingWhile(func() { w.store.slowFor(w.outage, 300*time.Millisecond) })
	}},
	{name: "the store full in a training", short: true, strike: func(w *world) {
		w.trainingWhile(func() {
			free := artifacttest.Fill(w.t, w.disk)
			defer free()
			time.Sleep(w.outage) // the fault lasts so long
		})
	}},
	{name: "no answer of the database comes, in the middle of commands", strike: func(w *world) { w.commandsWhile(func() { w.database.silentFor(w.outage) }) }},
	{name: "no answer of the store comes, in a training", strike: func(w *world) { w.trainingWhile(func() { w.store.silentFor(w.outage) }) }},
	{name: "the network to the broker cut in a training", short: true, strike: func(w *world) { w.trainingWhile(func() { w.broker.cutFor(w.outage) }) }},
	{name: "no answer of the broker comes, in a training", strike: func(w *world) { w.trainingWhile(func() { w.broker.silentFor(w.outage) }) }},
	{name: "the network to the broker slow in a training", strike: func(w *world) {
		w.trainingWhile(func() { w.broker.slowFor(w.outage, 100*time.Millisecond) })
	}},
	{name: "a training: kill -9", strike: func(w *world) { w.trainingWhile(func() { w.toOne(trainer, syscall.SIGKILL) }) }},
	{name: "a training in each of its stages: kill -9", once: true, strike: stages},
	{name: "a training: stopped, and on again", strike: func(w *world) { w.trainingWhile(func() { w.stopped(w.one(trainer).pid) }) }},
	{name: "the broker's clock 90 minutes on and back, and back and on, in a training", needs: fakeTime, strike: clockSteps},
	{name: "the broker in a training: kill -9", strike: func(w *world) {
		w.trainingWhile(func() { w.brokerAgain(w.t, w.toOne(apacheJava, syscall.SIGKILL)) })
	}},
	{name: "the worker that reads sources: kill -9", strike: func(w *world) {
		terminate(w.one(zygote).pid, syscall.SIGKILL) // which the next source needs
		w.model(fmt.Sprintf("small-%d", time.Now().UnixNano()), "small.py")
	}},
	{name: "the worker that reads sources: stopped, and on again", strike: func(w *world) {
		name := fmt.Sprintf("small-%d", time.Now().UnixNano())
		made := w.meanwhile("models", "create", "--name", name, "-f", w.machine.source("small.py"))
		w.stopped(w.one(zygote).pid)
		<-made
		w.kafkaml("models", "show", name)
	}},
	{name: "replicas from 2 to 1 to 3 to 2", strike: func(w *world) {
		for _, n := range []string{"1", "3", "2"} {
			for _, f := range []*flow{w.direct, w.source} {
				w.kafkaml("inferences", "scale", fmt.Sprint(f.inference.ID), n)
			}
			time.Sleep(w.outage / 4) // while records are predicted
		}
	}},
	{name: "50 records that cannot be read between good ones", short: true, strike: poison},
	{name: "an input topic deleted and made anew", strike: anew},
	{name: "transactions aborted under an inference and a training", strike: aborted},
	{name: "the broker dead while a stream expires", strike: expired},
	{name: "the control message again, 10,000 times", once: true, strike: flood},
	{name: "200 deployments at once", once: true, strike: crowd},
}

// toOne sends a signal to a process of a kind.
func (w *world) toOne(kind string, signal syscall.Signal) child {
	w.t.Helper()
	c := w.one(kind)
	terminate(c.pid, signal)
	return c
}

// inference serves the trained model between topics of its own.
func (w *world) inference(name string) pipeline.Inference {
	w.t.Helper()
	in := fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
	id := w.created("inferences", "create", "--result", fmt.Sprint(w.trained.ID), "--engine", "onnx", "--delivery", string(pipeline.Direct),
		"--input-topic", in, "--output-topic", in+"-out", "--watch")
	return jsonOf[pipeline.Inference](w.machine, "inferences", "show", id)
}

// poison sends records that no model reads, and wants each as a dead letter. The
// topic is one of its own, so that every record of the flows has its prediction.
func poison(w *world) {
	w.t.Helper()
	const bad = 50
	i := w.inference("poison")
	samples, _ := points(bad)
	var records []stream.Record
	for _, s := range samples {
		records = append(records, stream.Record{Value: []byte(undecodable)}, stream.Record{Value: floats(s)})
	}
	send(w.t, w.c, i.InputTopic, 0, records...)
	w.duplicate += everyRecord(w.t, w.c, i.ID, i.InputTopic, i.OutputTopic)
	within(w.t, waitTime, "the dead letters", func() (string, bool) {
		_, next, err := w.c.Offsets(w.t.Context(), i.DeadLetter)
		return fmt.Sprint(next, err), err == nil && total(next) >= bad
	})
	w.kafkaml("inferences", "delete", fmt.Sprint(i.ID))
}

// anew deletes an input topic, makes it again, and wants the records of both
// predicted.
func anew(w *world) {
	w.t.Helper()
	i := w.inference("anew")
	samples, _ := points(30)
	var records []stream.Record
	for _, s := range samples {
		records = append(records, stream.Record{Value: floats(s)})
	}
	send(w.t, w.c, i.InputTopic, 0, records...)
	everyRecord(w.t, w.c, i.ID, i.InputTopic, i.OutputTopic)
	partitions, err := w.c.Partitions(w.t.Context(), i.InputTopic)
	if err != nil {
		w.t.Fatal(err)
	}
	streamtest.Anew(w.t, w.c, i.InputTopic, partitions)
	send(w.t, w.c, i.InputTopic, 0, records[:20]...)
	within(w.t, waitTime, "the predictions of the new topic", func() (string, bool) {
		_, next, err := w.c.Offsets(w.t.Context(), i.OutputTopic)
		return fmt.Sprint(next, err), err == nil && total(next) >= 50
	})
	w.kafkaml("inferences", "delete", fmt.Sprint(i.ID))
}

// commandsWhile sends commands, each one again under its id until it is answered,
// while something goes wrong, and wants each to have had one effect.
func (w *world) commandsWhile(strike func()) {
	w.t.Helper()
	before := w.deployments()
	const commands = 20
	form := pipeline.DeploymentForm{Configuration: w.trained.Configuration, BatchSize: 10}
	answers := map[string]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range commands {
			m := w.client().CreateDeployment(form)
			m.ID = uuid.NewString()
			for range 2 {
				within(w.t, waitTime, "an answer to a command", func() (string, bool) {
					e, err := w.client().Send(w.t.Context(), m)
					if err == nil {
						answers[e.Subject()] = true
					} else if pipeline.KindOf(err) != pipeline.Unavailable {
						w.t.Errorf("a command that may be sent again is answered with %v", err)
					}
					return fmt.Sprint(err), err == nil
				})
			}
		}
	}()
	strike()
	<-done
	if made := w.deployments() - before; made != commands || len(answers) != commands {
		w.t.Errorf("%d commands made %d deployments and told of %d", commands, made, len(answers))
		w.duplicate += max(0, made-commands)
	}
}

// deployments counts those that there are.
func (w *world) deployments() (n int) {
	w.t.Helper()
	for _, err := range w.client().Deployments().All(w.t.Context(), client.Query{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		n++
	}
	return n
}

// crowd makes 200 deployments and sends each the stream that is there; all of
// them train, and few of them at a time.
func crowd(w *world) {
	w.t.Helper()
	const many = 200
	form := pipeline.DeploymentForm{Configuration: w.trained.Configuration, BatchSize: 100}
	var ids []string
	for range many {
		e, err := w.client().Send(w.t.Context(), w.client().CreateDeployment(form))
		if err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, e.Subject())
	}
	for _, id := range ids {
		deployment, err := strconv.ParseInt(id, 10, 64)
		if err == nil {
			_, err = w.client().Send(w.t.Context(), w.client().ResendDatasource(1, deployment))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if n := len(w.children(trainer)); n > 8 {
		w.t.Errorf("%d trainings run at once", n)
	}
	if d := jsonOf[pipeline.Deployment](w.machine, "deployments", "show", ids[many-1]); d.Place == 0 {
		w.t.Errorf("the last of them does not say where it waits: %+v", d)
	}
	for _, id := range ids {
		w.finished(id, 1)
	}
}

// flood sends the control message of a training again, 10,000 times, and wants it
// to have trained once.
func flood(w *world) {
	w.t.Helper()
	const topic, times = control.Topic, 10_000
	result := w.trainAnother()
	all := read(w.t, w.c, topic)
	last := all[len(all)-1]
	for range times / 1000 {
		var copies []stream.Record
		for range 1000 {
			copies = append(copies, stream.Record{Key: last.Key, Value: last.Value, Headers: last.Headers})
		}
		send(w.t, w.c, topic, last.Partition, copies...)
	}
	ends := count(w.t, w.c, topic)
	within(w.t, 4*waitTime, "the control messages are read", func() (string, bool) {
		committed, err := w.c.Committed(w.t.Context(), pipeline.ControlGroup(""), topic)
		return fmt.Sprintf("%v of %v %v", committed, ends, err), err == nil && maps.Equal(committed, ends)
	})
	if after := w.finished(strconv.FormatInt(result.Deployment, 10), 1)[0]; after.ID != result.ID || after.Attempt != result.Attempt {
		w.duplicate++
		w.t.Errorf("result %d trained again: %+v", result.ID, after)
	}
}

// trainingWhile trains while something goes wrong and wants the weights of a
// training that nothing disturbed.
func (w *world) trainingWhile(strike func()) {
	w.t.Helper()
	deployment := w.created(deploySmall...)
	w.kafkaml("datasources", "resend", "1", "--deployment", deployment)
	strike()
	within(w.t, waitTime, "the training", func() (string, bool) {
		all := w.results(deployment)
		if len(all) == 1 && all[0].Status == pipeline.ResultFailed {
			w.t.Logf("result %d: %s", all[0].ID, all[0].Reason)
			if !slices.ContainsFunc(append(w.reasons, "signal 9"), func(s string) bool { return strings.Contains(all[0].Reason, s) }) { // it was killed, and says so
				w.t.Errorf("result %d failed, and was not killed: %s", all[0].ID, all[0].Reason)
			}
			w.kafkaml("results", "retry", fmt.Sprint(all[0].ID))
			return all[0].Reason, false
		}
		return statesOf(all), len(all) == 1 && all[0].Status == pipeline.ResultFinished
	})
	if r := w.results(deployment)[0]; r.Lineage.WeightsHash != w.trained.Lineage.WeightsHash {
		w.t.Errorf("weights %s, those of the undisturbed training are %s", r.Lineage.WeightsHash, w.trained.Lineage.WeightsHash)
	}
}
