package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// caller sends what a document shows to the functions.
type caller struct {
	*server
	*contract
	events bool // as the CloudEvents of the event door, where it shows one
	done   map[string]bool
}

// TestTheExamplesOfTheDocumentsWork carries out every operation of the OpenAPI
// document with its examples, in the order of the pipeline, and holds status and
// answer against it: once as REST requests, once with the examples of the event
// door. Those of predict need a trained model: functions/predict tests them.
func TestTheExamplesOfTheDocumentsWork(t *testing.T) {
	for name, events := range map[string]bool{"REST": false, "CloudEvents": true} {
		t.Run(name, func(t *testing.T) {
			s := serveFunctions(t)
			c := &caller{s, readContract(t, s.URL+"/openapi.json"), events, map[string]bool{}}
			c.create(t)
			c.readAll(t)
			c.remove(t)
			c.left(t)
		})
	}
}

// create makes one of each thing and changes it.
func (c *caller) create(t *testing.T) {
	c.command(t, "post /model-register/models/validate", eventing.ModelValidate)
	c.command(t, "post /model-register/models", eventing.ModelRegister)
	c.call(t, "post /model-register/models/{id}/try")
	c.command(t, "put /model-register/models/{id}", eventing.ModelUpdate)
	c.command(t, "post /model-register/configurations", eventing.ConfigurationCreate)
	c.command(t, "put /model-register/configurations/{id}", eventing.ConfigurationUpdate)
	c.command(t, "post /deploy-training/deployments", eventing.DeploymentCreate)
	c.call(t, "post /records/streams/preview")
	c.call(t, "post /records/streams")
	c.await(t, eventing.DatasourceReceived, 1)
	c.await(t, eventing.ResultFailed, 1)
	c.announce(t)
	c.await(t, eventing.DatasourceReceived, 2)
	c.call(t, "post /deploy-training/deployments") // another one: the first has trained on the stream
	c.command(t, "post /control-log/datasources/{id}/resend", eventing.DatasourceResend)
	c.await(t, eventing.ResultFailed, 2)
	c.call(t, "post /records/topics/{topic}/preview")
	c.command(t, "post /control-log/datasources", eventing.DatasourceCreate)
	c.await(t, eventing.ResultFailed, 3)
	c.command(t, "post /deploy-training/results/{id}/retry", eventing.ResultRetry)
	c.await(t, eventing.ResultFailed, 4)
	c.become(t, pipeline.ResultScheduled, pipeline.ResultRunning)
	c.command(t, "post /deploy-training/results/{id}/stop", eventing.ResultStop)
	c.command(t, "post /deploy-training/deployments/{id}/stop", eventing.DeploymentStop)
	c.become(t, pipeline.ResultScheduled, pipeline.ResultRunning, pipeline.ResultFinished)
	if err := c.Artifacts.Put(t.Context(), pipeline.ResultArtifact(1, 1)+"/savedmodel.zip", strings.NewReader("a model")); err != nil {
		t.Fatal(err)
	}
	c.do(t, func(tx *registry.Tx) error { // functions/model-register converts a real model
		r, err := tx.Result(1)
		if err != nil {
			return err
		}
		r.Lineage.ContentHash, r.Lineage.WeightsHash = "c", "w"
		r.SetFormat(pipeline.ModelFormat{FormatKey: pipeline.FormatKey{Name: pipeline.TFLite, Quantize: pipeline.QuantizeInt8}, Size: 7, Samples: pipeline.DefaultSamples})
		return tx.UpdateResult(&r)
	})
	c.command(t, "post /deploy-training/results/{id}/verify", eventing.ResultVerify)
	c.command(t, "post /model-register/results/{id}/convert", eventing.ResultConvert)
	c.command(t, "post /deploy-training/results/{id}/alias", eventing.ResultAlias)
	c.command(t, "patch /deploy-training/results/{id}", eventing.ResultUpdate)
	c.command(t, "post /deploy-inference/inferences", eventing.InferenceDeploy)
	c.command(t, "put /deploy-inference/inferences/{id}", eventing.InferenceUpdate)
	c.do(t, func(tx *registry.Tx) error { // there is but one result that could be served
		i, err := tx.Inference(1)
		if err != nil {
			return err
		}
		i.Previous = i.Result
		return tx.UpdateInference(&i)
	})
	c.command(t, "post /deploy-inference/inferences/{id}/rollback", eventing.InferenceRollBack)
	c.command(t, "post /deploy-inference/inferences/{id}/stop", eventing.InferenceStop)
	c.command(t, "post /deploy-inference/inferences/{id}/start", eventing.InferenceStart)
	c.call(t, "post /records/inferences/{id}/records")
	c.command(t, "post /deploy-training/studies", eventing.StudyCreate)
	c.command(t, "post /deploy-training/studies/{id}/stop", eventing.StudyStop)
	c.command(t, "post /model-register/models/import", eventing.ModelImport)
}

func (c *caller) remove(t *testing.T) {
	c.command(t, "delete /deploy-inference/inferences/{id}", eventing.InferenceDelete)
	c.command(t, "delete /deploy-training/studies/{id}", eventing.StudyDelete)
	c.command(t, "post /deploy-training/results/{id}/unalias", eventing.ResultUnalias)
	c.command(t, "delete /deploy-training/results/{id}", eventing.ResultDelete)
	c.command(t, "delete /deploy-training/deployments/{id}", eventing.DeploymentDelete)
	c.do(t, func(tx *registry.Tx) error { return tx.DeleteDeployment(2) })
	c.command(t, "delete /model-register/configurations/{id}", eventing.ConfigurationDelete)
	c.command(t, "delete /model-register/models/{id}", eventing.ModelDelete)
}

// readAll reads every path.
func (c *caller) readAll(t *testing.T) {
	for path, item := range at(c.document, "paths").(map[string]any) {
		if at(item, "get") != nil && !strings.HasPrefix(path, "/predict/") {
			c.call(t, "get "+path)
		}
	}
}

// left names the operations, or the examples of event doors, that were not
// carried out.
func (c *caller) left(t *testing.T) {
	t.Helper()
	for path, item := range at(c.document, "paths").(map[string]any) {
		for method := range item.(map[string]any) {
			op, door := method+" "+path, method == "post" && strings.HasSuffix(path, "/")
			if strings.HasPrefix(path, "/predict/") {
				continue
			}
			if door == c.events && !c.done[op] {
				t.Errorf("%s was not carried out", op)
			}
			examples, _ := at(item, method, "requestBody", "content", "application/cloudevents+json", "examples").(map[string]any)
			for typ := range examples {
				if c.events && !c.done[typ] {
					t.Errorf("the example of %s was not sent", typ)
				}
			}
		}
	}
}

// become takes a new attempt at result 1 through states that a training would
// report; what is still heard of an earlier attempt does not count.
func (c *caller) become(t *testing.T, states ...pipeline.ResultStatus) {
	c.do(t, func(tx *registry.Tx) error {
		r, err := tx.Result(1)
		r.Attempt++
		for _, status := range states {
			if err != nil {
				return err
			}
			r.Status, r.Artifact = status, pipeline.ResultArtifact(1, 1)
			err = tx.UpdateResult(&r)
		}
		return err
	})
}

// await waits until so many facts of a type were published.
func (c *caller) await(t *testing.T, typ string, n int) {
	t.Helper()
	for after := int64(0); ; {
		events, err := c.Store.Events(t.Context(), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			after = e.Seq
			if e.Event.Type() == eventing.DatasourceRejected {
				t.Fatalf("%s", e.Event)
			}
			if e.Event.Type() == typ {
				n--
			}
		}
		if n <= 0 {
			return
		}
		if err := c.Store.Wait(t.Context(), after); err != nil {
			t.Fatalf("waiting for %s: %v", typ, err)
		}
	}
}

// announce sends the example of a control message.
func (c *caller) announce(t *testing.T) {
	t.Helper()
	d := readContract(t, c.URL+"/asyncapi.json")
	example := at(d.document, "components", "messages", string(api.ControlTopic), "examples").([]any)[0]
	value, err := json.Marshal(at(example, "payload"))
	if err != nil {
		t.Fatal(err)
	}
	topic := at(d.document, "channels", string(api.ControlTopic), "address").(string)
	if _, err := c.Cluster.Produce(t.Context(), topic, 0, []stream.Record{{Value: value}}); err != nil {
		t.Fatal(err)
	}
}

// command carries out an operation, or the example of its event.
func (c *caller) command(t *testing.T, op, typ string) {
	t.Helper()
	step := strings.SplitN(op, "/", 3)[1]
	door := "/" + step + "/"
	example := at(c.document, "paths", door, "post", "requestBody", "content", "application/cloudevents+json", "examples", typ, "value")
	if !c.events || example == nil {
		c.call(t, op)
		return
	}
	body, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	status, media, answer := ask(t, http.MethodPost, c.URL+door, body, "application/cloudevents+json")
	c.hold(t, "post "+door, status, media, answer)
	c.done[typ] = true
	var reply struct {
		Type string
		Data json.RawMessage
	}
	if err := json.Unmarshal(answer, &reply); err != nil || reply.Type != eventing.Answer(typ) {
		t.Errorf("%s is answered by %s %s", typ, reply.Type, answer)
	}
	c.validate(t, pointer("components", "schemas", typ), mustJSON(t, at(example, "data")))
	c.validate(t, pointer("components", "schemas", reply.Type), reply.Data)
}

// call carries out an operation with the examples of its parameters and body.
func (c *caller) call(t *testing.T, op string) {
	t.Helper()
	method, path, _ := strings.Cut(op, " ")
	described := at(c.document, "paths", path, method)
	if described == nil {
		t.Fatalf("%s is not in the document", op)
	}
	url := c.URL + path
	query := []string{}
	params, _ := at(described, "parameters").([]any)
	for _, p := range params {
		example := at(p, "example")
		switch {
		case example == nil:
		case at(p, "in") == "path":
			url = strings.ReplaceAll(url, fmt.Sprintf("{%v}", at(p, "name")), fmt.Sprint(example))
		case at(p, "in") == "query":
			query = append(query, fmt.Sprintf("%v=%v", at(p, "name"), example))
		}
	}
	body, contentType := c.body(t, at(described, "requestBody", "content"))
	if strings.HasSuffix(op, "/models/import") {
		body = c.file(t)
	}
	status, media, answer := ask(t, strings.ToUpper(method), url+"?"+strings.Join(query, "&"), body, contentType)
	c.hold(t, op, status, media, answer)
	if status >= 400 {
		t.Errorf("%s: %d %s", op, status, answer)
	}
}

// body is the example of a request's body; of a file, or of a record, one that
// the model of the examples can use.
func (c *caller) body(t *testing.T, content any) (body []byte, contentType string) {
	t.Helper()
	if record := at(content, api.Binary); record != nil {
		return make([]byte, 8), api.Binary
	}
	if form := at(content, api.Form); form != nil {
		return formOf(t, at(form, "example").(map[string]any))
	}
	example := at(content, api.JSON, "example")
	if example == nil {
		return nil, ""
	}
	return mustJSON(t, example), api.JSON
}

// file is the model in the example of the event that imports it.
func (c *caller) file(t *testing.T) []byte {
	t.Helper()
	door := at(c.document, "paths", "/model-register/", "post", "requestBody", "content", "application/cloudevents+json", "examples")
	b, err := base64.StdEncoding.DecodeString(at(door, eventing.ModelImport, "value", "data", "content").(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func formOf(t *testing.T, example map[string]any) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range example {
		_ = w.WriteField(k, fmt.Sprint(v)) // to memory
	}
	file, err := w.CreateFormFile("file", "points.csv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(file, "x1,x2,y\n")
	for i := range 50 {
		fmt.Fprintf(file, "%d.25,%d.5,%d.5\n", i, i, 2*i)
	}
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType()
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hold holds an answer against the document.
func (c *caller) hold(t *testing.T, op string, status int, media string, answer []byte) {
	t.Helper()
	c.done[op] = true
	method, path, _ := strings.Cut(op, " ")
	responses := at(c.document, "paths", path, method, "responses")
	response := at(responses, fmt.Sprint(status))
	if response == nil {
		t.Errorf("%s: status %d is not documented: %s", op, status, answer)
		return
	}
	if status >= 400 {
		c.validate(t, pointer("components", "schemas", "Problem"), answer)
		return
	}
	content := at(response, "content")
	if at(content, media) == nil {
		t.Errorf("%s: answers %q, documented are %v", op, media, content)
		return
	}
	if slices.Contains([]string{api.JSON, "application/cloudevents+json", "application/schema+json"}, media) {
		c.validate(t, pointer("paths", path, method, "responses", fmt.Sprint(status), "content", media, "schema"), answer)
	}
}

// TestTheExamplesOfMessagesFollowTheirSchemas holds payload and headers of every
// example in the AsyncAPI document.
func TestTheExamplesOfMessagesFollowTheirSchemas(t *testing.T) {
	d := readContract(t, serveFunctions(t).URL+"/asyncapi.json")
	held := 0
	for name, m := range at(d.document, "components", "messages").(map[string]any) {
		examples, _ := at(m, "examples").([]any)
		for _, e := range examples {
			held++
			for _, part := range []string{"payload", "headers"} {
				if v := at(e, part); v != nil {
					d.validate(t, pointer("components", "messages", name, part), mustJSON(t, v))
				}
			}
		}
	}
	if held < 12 {
		t.Errorf("only %d examples", held)
	}
}
