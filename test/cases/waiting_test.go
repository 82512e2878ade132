package cases

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// waitingRows are streams that come before, or after, what is to train on them.
func waitingRows() []row {
	return []row{
		{
			id: "S15 before", first: true, right: "waits, and says so; the deployment says what it takes over", try: before,
			want: []string{"unused: there is no deployment", "waits for it", "24 hours", "it trains on datasource", "finished"},
		},
		{
			id: "S0", first: true, right: "messages of the new control topic are taken", want: []string{"finished", "finished"}, try: func(a *attempt) string {
				first := a.trains(pointMessage(a.sent(4)+":0:0:4", 4))
				a.makeAnew(controlTopic)
				a.must(a.dial()) // a producer that has not known the one before
				return first + "; " + a.trains(pointMessage(a.sent(4)+":0:0:4", 4))
			},
		},
		{id: "X4 sent to a stopped one", right: "refused before a byte is sent", want: []string{"code 4, 0 in the log", "is stopped", "create another"}, try: func(a *attempt) string {
			d := a.deployed(points)
			_, err := a.client.Send(a.ctx, a.client.StopDeployment(d))
			a.must(err)
			said, _ := a.streams(fmt.Sprintf("file:crlf.csv --label y --deployment %d", d))
			return said
		}},
		{id: "X4 sent to none", right: "refused before a byte is sent, and how to send it all the same", want: []string{"code 3, 0 in the log", "no deployment " + nobody, "--unchecked"}, try: func(a *attempt) string {
			said, _ := a.streams("file:crlf.csv --label y --deployment " + nobody)
			return said
		}},
		{id: "X9 kept", right: "a model of NaN is served with a warning", want: []string{"finished", "the loss is NaN from epoch 1 on", "predictions will be NaN"}, try: func(a *attempt) string {
			records, _ := a.generatedStream("b11-null")
			m, err := a.model("", points)
			a.must(err)
			r, said := a.send(m, pipeline.DeploymentForm{OnNaN: pipeline.NaNStays}, records, "JSON", message{"data_fields": []string{"t", "h"}, "label_field": "y"})
			return said + "; " + a.serving(r)
		}},
		{id: "X9 weights", right: "weights that are infinite are warned of", want: []string{"finished", "!the loss is NaN", "the weights of layers/dense", "predictions will be NaN"}, try: func(a *attempt) string {
			m, err := a.model("", "import keras\nmodel = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile(keras.optimizers.SGD(3e38), 'mse')\n")
			a.must(err)
			r, said := a.send(m, pipeline.DeploymentForm{}, somePoints(1, 8), "RAW", pointConfig)
			return said + "; " + a.serving(r)
		}},
	}
}

// serving types what serves a result, and says what was answered.
func (a *attempt) serving(r pipeline.Result) string {
	said, _ := a.types("inferences", "create", "--result", fmt.Sprint(r.ID), "--delivery", "direct", "--name", "x"+fmt.Sprint(r.ID),
		"--input-topic", a.topic+"-in", "--output-topic", a.topic+"-out")
	shown, _ := a.types("inferences", "delete", "x"+fmt.Sprint(r.ID))
	return strings.ReplaceAll(said+shown, fmt.Sprintf("inference %d", r.ID), "inference")
}

// before sends a stream for the deployment that is made next.
func before(a *attempt) string {
	id := a.deployed(points) + 1
	if id == textSeven {
		id = a.deployed(points) + 1
	}
	topic := a.sent(4)
	a.announce(id, pointMessage(topic+":0:0:4", 4))
	said := a.datasource(topic)
	d, err := a.client.Deployments().Get(a.ctx, id-1)
	a.must(err)
	created, _ := a.types("deployments", "create", "--configuration", fmt.Sprint(d.Configuration), "--batch-size", "8")
	_, end := a.result(id)
	return said + "; " + created + "; " + end
}

// sourceRows are records as Knative's own KafkaSource delivers them: their
// content types, headers and ids are other people's.
func sourceRows() (all []row) {
	predicted := func(id, right string, headers []string, want ...string) row {
		return row{id: id, right: right, want: append(want, "2 predictions, 0 dead letters"), try: func(a *attempt) string {
			i := a.serve(a.trained(), pipeline.Source)
			for n := range 2 {
				r := kafkaRecord(i.InputTopic, point(n))
				r.Headers = headersOf(headers)
				a.must(a.kafka.ProduceSync(a.ctx, r).FirstErr())
			}
			said := a.predicted(i, 2)
			for _, o := range a.read(i.OutputTopic) {
				for _, h := range o.Headers {
					said += fmt.Sprintf(" %s=%s", h.Key, h.Value)
				}
			}
			return said
		}}
	}
	control := func(id, right string, headers ...string) row {
		return row{id: id, right: right, want: []string{"finished"}, try: func(a *attempt) string {
			topic, d := a.sent(4), a.deployed(points)
			value, err := json.Marshal(pointMessage(topic+":0:0:4", 4))
			a.must(err)
			a.must(a.kafka.ProduceSync(a.ctx, &kgo.Record{Topic: controlTopic, Key: fmt.Appendf(nil, "%02d", d), Value: value, Headers: headersOf(headers)}).FirstErr())
			_, said := a.result(d)
			return said
		}}
	}
	event := []string{"ce_specversion=1.0", "ce_type=com.example.reading", "ce_source=sensors#4", "ce_id=a-1", "content-type=application/json"}
	return []row{
		predicted("G1 avro", "a content type is ignored", []string{"content-type=application/x+avro"}),
		predicted("G1 nonsense", "a content type is ignored", []string{"content-type=;;"}),
		predicted("G1 cloudevents", "a content type is ignored", []string{"content-type=application/cloudevents+json"}),
		predicted("G2", "a header's value is carried as it is", []string{"tag=t%41-2", "x=a+b%"}, "tag=t%41-2", "x=a+b%"),
		predicted("G4 event", "the record is predicted, under its own offset", event, ":0:0", ":0:1", "!sensors#4:0"),
		control("G1 control", "a content type is ignored", "content-type=application/x+avro"),
		control("G4 control", "taken by its offset", event...),
	}
}

func headersOf(texts []string) (all []kgo.RecordHeader) {
	for _, text := range texts {
		name, value, _ := strings.Cut(text, "=")
		all = append(all, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	return all
}

// lifeRows are what becomes of records while processes come, go and die.
func lifeRows() (all []row) {
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		all = append(all, row{id: "D5 " + string(delivery), right: "none is lost while it scales", want: []string{"4000 distinct"}, try: func(a *attempt) string {
			i := a.serveAt(a.trained(), delivery, a.makeTopic(3))
			for n, replicas := range []int{2, 3} {
				_, err := a.client.Send(a.ctx, a.client.UpdateInference(i.ID, map[string]any{"replicas": replicas}))
				a.must(err)
				a.produce(i.InputTopic, n, somePoints(0, 2000))
			}
			return a.distinct(i, 4000)
		}})
	}
	return append(
		all,
		row{id: "D8", right: "in order", want: []string{"500 distinct", "in order"}, try: func(a *attempt) string {
			i := a.serve(a.trained(), pipeline.Direct)
			a.produce(i.InputTopic, 0, somePoints(0, 500))
			return a.distinct(i, 500)
		}},
		row{id: "D17 predict", right: "predicts again", want: []string{"1 predictions", "21 predictions"}, try: func(a *attempt) string {
			i := a.serve(a.trained(), pipeline.Direct)
			said := a.predict(i, point(1))
			a.kill(platform.PredictVariable, fmt.Sprintf(`{"inference":%d,`, i.ID))
			a.produce(i.InputTopic, 0, somePoints(0, 20))
			return said + "; " + a.distinct(i, 21) + "; " + a.predicted(i, 21)
		}},
		row{id: "D17 training", right: "failed, and by what", want: []string{"failed", "killed"}, try: func(a *attempt) string {
			m, err := a.model("", points)
			a.must(err)
			d, err := a.deployment(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=1000000"), Engine: "graph"})
			a.must(err)
			a.announce(d.ID, pointMessage(a.sent(4)+":0:0:4", 4))
			a.must(a.within(waitTime, func() (string, bool, error) {
				r, err := a.client.Results().Get(a.ctx, d.Results[0])
				return string(r.Status), r.EpochsDone > 0, err
			}))
			a.kill(platform.JobVariable, fmt.Sprintf(`{"result":%d,`, d.Results[0]))
			_, said := a.result(d.ID)
			return said
		}},
	)
}

// distinct waits until so many records of partition after partition have a
// prediction, and says whether the ids came in the order of the offsets.
func (a *attempt) distinct(i pipeline.Inference, n int) string {
	seen, order := map[string]bool{}, "in order"
	a.must(a.within(waitTime, func() (string, bool, error) {
		clear(seen)
		last := int64(-1)
		for _, o := range a.read(i.OutputTopic) {
			for _, h := range o.Headers {
				if h.Key != "ce_id" || seen[string(h.Value)] {
					continue
				}
				seen[string(h.Value)] = true
				offset, err := strconv.ParseInt(string(h.Value[strings.LastIndex(string(h.Value), ":")+1:]), 10, 64)
				if err != nil || offset < last {
					order = "out of order"
				}
				last = offset
			}
		}
		return fmt.Sprintf("%d of %d records are predicted", len(seen), n), len(seen) >= n, nil
	}))
	return fmt.Sprintf("%d distinct, %s", len(seen), order)
}

// kill kills the process of the product that a description, which a variable
// names the file of, is given to.
func (a *attempt) kill(variable, says string) {
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	a.must(err)
	for _, path := range found {
		dir := filepath.Dir(path)
		status, _ := os.ReadFile(filepath.Join(dir, "status")) // it may have ended
		if !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", a.running.Process.Pid)) {
			continue
		}
		environment, _ := os.ReadFile(path) // #nosec G304 -- of a process of ours
		for entry := range strings.SplitSeq(string(environment), "\x00") {
			file, ok := strings.CutPrefix(entry, variable+platform.FileSuffix+"=")
			if text, err := os.ReadFile(file); !ok || err != nil || !strings.HasPrefix(string(text), says) { // #nosec G304 -- as above
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(dir))
			a.must(err)
			a.must(syscall.Kill(pid, syscall.SIGKILL))
			return
		}
	}
	a.must(fmt.Errorf("no process is told %s", says))
}
