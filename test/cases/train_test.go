package cases

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// seeded stands in the imports of each model whose numbers are compared.
const seeded = "import keras; keras.utils.set_random_seed(7)"

// registered is a model that is built once, whoever asks for it.
type registered struct {
	once  sync.Once
	model pipeline.Model
	err   error
}

// model registers a source. The error is the product's refusal.
func (a *attempt) model(imports, source string) (pipeline.Model, error) {
	return a.stated(imports, source, "")
}

// stated registers a source with the label that its own loss takes: sizes, and
// a type after a comma.
func (a *attempt) stated(imports, source, label string) (pipeline.Model, error) {
	a.mu.Lock()
	m := a.models[imports+source+label]
	if m == nil {
		m = &registered{}
		a.models[imports+source+label] = m
	}
	n := len(a.models)
	a.mu.Unlock()
	m.once.Do(func() {
		form := pipeline.ModelForm{Name: fmt.Sprintf("%s-%d", a.topic, n), Imports: imports, Source: source}
		form.LabelReshape, form.LabelType, _ = strings.Cut(label, ",")
		m.model, m.err = client.Do[pipeline.Model](a.ctx, a.client, a.client.RegisterModel(form))
	})
	return m.model, m.err
}

// refusal is an error with all that a person is told.
func refusal(err error) string {
	var e *pipeline.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := "refused: " + err.Error()
	if e.At != nil {
		text += fmt.Sprintf(" at line %d:%d", e.At.Line, e.At.Column)
	}
	return text + hinted(e.Hint)
}

func hinted(hint string) string {
	if hint == "" {
		return ""
	}
	return " HINT " + hint
}

// textSeven is the deployment that the key "7" means: one byte.
const textSeven = '7'

// deployment makes a deployment of one model.
func (a *attempt) deployment(m pipeline.Model, form pipeline.DeploymentForm) (pipeline.Deployment, error) {
	ctx := a.ctx
	if form.Configuration == 0 {
		c, err := client.Do[pipeline.Configuration](ctx, a.client, a.client.CreateConfiguration(pipeline.ConfigurationForm{
			Name: fmt.Sprintf("%s-%d-%d", a.topic, m.ID, a.unique()), Models: []int64{m.ID},
		}))
		a.must(err)
		form.Configuration = c.ID
	}
	if form.BatchSize == 0 {
		form.BatchSize = 8
	}
	d, err := client.Do[pipeline.Deployment](ctx, a.client, a.client.CreateDeployment(form))
	if d.ID == textSeven { // a stream waits for it
		return client.Do[pipeline.Deployment](ctx, a.client, a.client.CreateDeployment(form))
	}
	return d, err
}

// result waits for the end of a deployment's training, or for the refusal of
// its stream, and says which.
func (a *attempt) result(deployment int64) (pipeline.Result, string) {
	ctx := a.ctx
	var r pipeline.Result
	said := ""
	a.must(a.within(a.patience(waitTime), func() (string, bool, error) {
		d, err := a.client.Deployments().Get(ctx, deployment)
		if err != nil {
			return "", false, err
		}
		if d.LastRejection != nil {
			said = "rejected: " + d.LastRejection.Field + ": " + d.LastRejection.Reason + hinted(d.LastRejection.Hint)
			return "", true, nil
		}
		r, err = a.client.Results().Get(ctx, d.Results[0])
		return fmt.Sprintf("result %d is %s", r.ID, r.Status), r.Status.Ended(), err
	}))
	if said == "" {
		said = a.told(r)
	}
	return r, said
}

// told is what a result says to a person.
func (a *attempt) told(r pipeline.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d records", r.Status, r.Lineage.Records)
	if r.Status != pipeline.ResultFinished {
		fmt.Fprintf(&b, ": %s%s", r.Reason, hinted(r.Hint))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Metrics.Training)) {
		fmt.Fprintf(&b, " %s %v ", name, r.Metrics.Training[name])
	}
	all, err := json.Marshal(r) // what is said beside: warnings, why this engine
	a.must(err)
	var members map[string]any
	a.must(json.Unmarshal(all, &members))
	for _, name := range []string{"warnings", "engine_reason", "on_nan"} {
		if v := members[name]; v != nil && v != "" {
			fmt.Fprintf(&b, "; %s: %v", name, v)
		}
	}
	if r.Split != nil {
		split, err := json.Marshal(r.Split)
		a.must(err)
		fmt.Fprintf(&b, "; split %s", split)
	}
	return b.String()
}

// controlTopic is where control messages go.
const controlTopic = "KAFKA_ML_CONTROL_TOPIC"

// message is a control message; members that are nil are left out.
type message map[string]any

// announce writes a control message under a deployment's key.
func (a *attempt) announce(deployment int64, m message) {
	value, err := json.Marshal(m)
	a.must(err)
	a.announceBytes([]byte(fmt.Sprintf("%02d", deployment)), value)
}

func (a *attempt) announceBytes(key, value []byte) {
	a.must(a.kafka.ProduceSync(a.ctx, &kgo.Record{Topic: controlTopic, Key: key, Value: value}).FirstErr())
}

// record is one of a stream.
type record struct{ key, value []byte }

// makeTopic makes a topic of the row.
func (a *attempt) makeTopic(partitions int) string {
	name := a.topic
	if n := a.unique(); n > 1 {
		name += "-" + strconv.Itoa(n)
	}
	a.must(a.cluster.EnsureTopic(a.ctx, name, partitions))
	return name
}

// produce sends records to a partition.
func (a *attempt) produce(topic string, partition int, records []record) {
	var all []*kgo.Record
	for _, r := range records {
		all = append(all, &kgo.Record{Topic: topic, Partition: int32(partition), Key: r.key, Value: r.value}) // #nosec G115 -- small
	}
	a.must(a.kafka.ProduceSync(a.ctx, all...).FirstErr())
}

// send makes a topic with records and announces it to a new deployment of a
// model.
func (a *attempt) send(m pipeline.Model, form pipeline.DeploymentForm, records []record, format string, config message) (pipeline.Result, string) {
	topic := a.makeTopic(1)
	a.produce(topic, 0, records)
	d, err := a.deployment(m, form)
	if err != nil {
		return pipeline.Result{}, refusal(err)
	}
	a.announce(d.ID, message{
		"topic": fmt.Sprintf("%s:0:0:%d", topic, len(records)), "input_format": format, "input_config": config,
		"validation_rate": 0, "test_rate": 0, "total_msg": len(records),
	})
	return a.result(d.ID)
}

// unique is a number that the row has not used.
func (a *attempt) unique() int {
	a.made++
	return a.made
}

// jsonOf is a message as JSON.
func jsonOf(a *attempt, m message) []byte {
	value, err := json.Marshal(m)
	a.must(err)
	return value
}
