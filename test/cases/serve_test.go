package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// serve deploys a result, waits until it runs, and ends it with the row.
func (a *attempt) serve(r pipeline.Result, delivery pipeline.Delivery) pipeline.Inference {
	return a.serveAt(r, delivery, a.makeTopic(1))
}

// serveAt serves the records of a topic.
func (a *attempt) serveAt(r pipeline.Result, delivery pipeline.Delivery, in string) pipeline.Inference {
	return a.serveAs(r, delivery, in, pipeline.InferenceForm{})
}

// serveAs serves them with what else a form says.
func (a *attempt) serveAs(r pipeline.Result, delivery pipeline.Delivery, in string, form pipeline.InferenceForm) pipeline.Inference {
	ctx := a.ctx
	form.Result, form.Replicas, form.Delivery, form.InputTopic, form.OutputTopic = r.ID, 1, delivery, in, a.makeTopic(1)
	i, err := client.Do[pipeline.Inference](ctx, a.client, a.client.DeployInference(form))
	a.must(err)
	a.later(func() {
		_, err := a.client.Send(ctx, a.client.StopInference(i.ID))
		a.must(err)
	})
	a.must(a.within(waitTime, func() (string, bool, error) {
		i, err = a.client.Inferences().Get(ctx, i.ID)
		return fmt.Sprintf("inference is %s: %s", i.Status, i.Reason), i.Ready > 0 || i.Status == pipeline.InferenceFailed, err
	}))
	return i
}

// predict writes records to the topic of an inference and says what came of
// each: its values, or why it is a dead letter.
func (a *attempt) predict(i pipeline.Inference, records ...record) string {
	a.produce(i.InputTopic, 0, records)
	return a.predicted(i, len(records))
}

// predicted waits for so many predictions and dead letters.
func (a *attempt) predicted(i pipeline.Inference, n int) string {
	var out, dead []stream.Record
	err := a.within(waitTime, func() (string, bool, error) {
		out, dead = a.read(i.OutputTopic), a.read(i.DeadLetter)
		return fmt.Sprintf("%d predictions and %d dead letters of %d", len(out), len(dead), n), len(out)+len(dead) >= n, nil
	})
	said := fmt.Sprintf("%d predictions, %d dead letters:", len(out), len(dead))
	if err != nil {
		said += " " + err.Error()
	}
	for _, r := range out {
		said += " " + string(r.Value)
	}
	if len(said) > 400 {
		said = said[:400] + "..."
	}
	for _, r := range dead {
		for _, h := range r.Headers {
			if h.Key == "kafkaml-error" {
				said += " DEAD " + string(h.Value)
			}
		}
	}
	return said
}

// read gives all records of a topic; none where it is not there.
func (a *attempt) read(topic string) (all []stream.Record) {
	ctx := a.ctx
	first, next, err := a.cluster.Offsets(ctx, topic)
	if err != nil {
		return nil
	}
	for p := range next {
		r := pipeline.Range{Topic: topic, Partition: p, Offset: first[p], Length: next[p] - first[p]}
		if r.Length == 0 {
			continue
		}
		a.must(a.cluster.Read(ctx, r, func(r stream.Record) error {
			r.Key, r.Value, r.Headers = bytes.Clone(r.Key), bytes.Clone(r.Value), slices.Clone(r.Headers)
			for i := range r.Headers {
				r.Headers[i].Value = bytes.Clone(r.Headers[i].Value)
			}
			all = append(all, r)
			return nil
		}))
	}
	return all
}

// tensor is an input of the Open Inference Protocol.
type tensor struct {
	Name     string `json:"name"`
	DataType string `json:"datatype"`
	Shape    []int  `json:"shape"`
	Data     any    `json:"data"`
}

// infer asks an inference over HTTP.
func (a *attempt) infer(i pipeline.Inference, inputs ...tensor) string {
	body, err := json.Marshal(message{"inputs": inputs})
	a.must(err)
	url := i.URL
	if !strings.HasPrefix(url, "http") {
		url = a.url + url
	}
	resp, err := http.Post(url+"v2/models/"+i.Name+"/infer", "application/json", bytes.NewReader(body)) // #nosec G107 -- of the product
	a.must(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	a.must(err)
	return fmt.Sprintf("%d %s", resp.StatusCode, answer)
}
