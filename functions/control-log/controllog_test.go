package controllog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/door/doortest"
	"github.com/kafkaml/kafkaml/eventing/validate"
	controllog "github.com/kafkaml/kafkaml/functions/control-log"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// rig is the step over a development broker and SQLite; the sink is a door that
// takes datasource.received.
type rig struct {
	*httptest.Server
	cluster *stream.Cluster
	store   *registry.Store
	data    string // topic with 10 records in partition 0
	control string
	mu      sync.Mutex
	told    []int64
	away    bool
	refused func() // called for each event that comes while deploy-training is away

	handling sync.WaitGroup // requests to the step
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigThat(t, identity.Topics{})
}

// newRigThat is a rig where patterns say which topics are read.
func newRigThat(t *testing.T, mayRead identity.Topics) *rig {
	t.Helper()
	r := &rig{cluster: streamtest.Cluster(t)}
	r.data, r.control = streamtest.Topic(t, r.cluster, 1), streamtest.Topic(t, r.cluster, 1)
	r.produce(t, 10)
	var err error
	if r.store, err = registry.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "registry.db")); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	sink := httptest.NewServer(door.Handler(door.Function{
		Name: "deploy-training", Events: map[string]door.EventHandler{eventing.DatasourceReceived: r.take},
	}, r.store, log))
	s := controllog.NewService(controllog.Deps{
		Store: r.store, Cluster: r.cluster, ControlTopic: r.control, Log: log, MayRead: mayRead, Suits: refuseUint9,
		Emit: eventing.NewEmitter(sink.URL, eventing.Overrides{}, &http.Client{Timeout: time.Minute}),
	})
	step := doortest.Guarded(signer, asRole(door.New(s.Function(), door.Config{Store: r.store, Log: log, Verifier: signer})))
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.handling.Add(1)
		defer r.handling.Done()
		step.ServeHTTP(w, req)
	}))
	t.Cleanup(func() {
		r.Server.Close()
		sink.Close()
		_ = r.store.Close()
	})
	return r
}

// asRole lets a request say by X-Role who asks.
func asRole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if role, err := identity.ParseRole(r.Header.Get("X-Role")); err == nil {
			r = r.WithContext(identity.With(r.Context(), identity.Principal{ID: "token:ada", Name: "ada", Role: role}))
		}
		next.ServeHTTP(w, r)
	})
}

func (r *rig) take(_ context.Context, e event.Event) (*event.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		r.refused()
		return nil, &pipeline.Error{Kind: pipeline.Unavailable, Reason: "away"}
	}
	id, err := eventing.ID(e)
	r.told = append(r.told, id)
	return nil, err
}

func (r *rig) setAway(away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = away
}

func (r *rig) tellings() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// configure changes a topic, as a person does.
func (r *rig) configure(t *testing.T, topic, name, value string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.Config().Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	answers, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: name, Value: &value}}, topic)
	if err == nil {
		err = answers[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) produce(t *testing.T, n int) {
	t.Helper()
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Key: []byte{1}, Value: []byte{1, 2, 3, 4}}
	}
	if _, err := r.cluster.Produce(t.Context(), r.data, 0, records); err != nil {
		t.Fatal(err)
	}
}

// value is a control message of the 10 records, with changes.
func (r *rig) value(changes map[string]any) []byte {
	m := map[string]any{
		"topic": r.data + ":0:0:10", "input_format": "RAW", "total_msg": 10, "validation_rate": 0.2, "test_rate": 0,
		"input_config": map[string]any{"data_type": "uint8", "data_reshape": "4", "label_type": "uint8", "label_reshape": ""},
	}
	for k, v := range changes {
		m[k] = v
	}
	b, _ := json.Marshal(m)
	return b
}

// record is a record of the control topic.
func (r *rig) record(t *testing.T, key, value []byte) stream.Record {
	t.Helper()
	offset, err := r.cluster.Produce(t.Context(), r.control, 0, []stream.Record{{Key: key, Value: value}})
	if err != nil {
		t.Fatal(err)
	}
	return stream.Record{Topic: r.control, Offset: offset, Time: time.Now(), Key: key, Value: value}
}

func kafkaSource(rec stream.Record) event.Event {
	return eventing.FromRecord(rec, eventing.SourceName("kafkaml", "control-log"), eventing.KeyByteArray)
}

// funcGo is the envelope of func-go v0.22.0.
func funcGo(rec stream.Record) event.Event {
	e := event.New()
	e.SetID(fmt.Sprintf("partition:%d/offset:%d", rec.Partition, rec.Offset))
	e.SetSource("kafka://b:9092/" + rec.Topic)
	e.SetType(eventing.KafkaRecord)
	e.SetSubject(string(rec.Key))
	_ = e.SetData("application/octet-stream", rec.Value)
	e.SetExtension("kafkatopic", rec.Topic)
	e.SetExtension("kafkapartition", rec.Partition)
	e.SetExtension("kafkaoffset", strconv.FormatInt(rec.Offset, 10))
	e.SetExtension("kafkakey", string(rec.Key))
	return e
}

// send posts an event and gives status and reply.
func (r *rig) send(t *testing.T, e event.Event) (int, event.Event) {
	t.Helper()
	req, err := eventing.NewRequest(t.Context(), r.URL, e)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, event.Event{}
	}
	reply, err := eventing.Read(t.Context(), res.Header, res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Event(reply); err != nil {
		t.Errorf("the answer is off its schema: %v", err)
	}
	return res.StatusCode, reply
}

// get reads JSON into v.
func (r *rig) get(t *testing.T, path string, v any) {
	t.Helper()
	res, err := http.Get(r.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
	}
}

func (r *rig) list(t *testing.T, query string) []pipeline.Datasource {
	t.Helper()
	var page registry.Page[pipeline.Datasource]
	r.get(t, "/datasources"+query, &page)
	return page.Items
}

func TestRecordBecomesADatasource(t *testing.T) {
	for name, envelope := range map[string]func(stream.Record) event.Event{"KafkaSource": kafkaSource, "func-go": funcGo} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			e := envelope(r.record(t, []byte("7"), r.value(map[string]any{"deployment_id": 7, "site": "x"})))
			for range 2 { // delivered twice
				if status, reply := r.send(t, e); status != 200 || reply.Type() != eventing.DatasourceReceived || reply.Subject() != "1" {
					t.Fatalf("%d %s", status, reply)
				}
			}
			all := r.list(t, "")
			if len(all) != 1 || all[0].Deployment != 7 || all[0].Retention.State != pipeline.Available || all[0].Rejected != nil {
				t.Fatalf("%+v", all)
			}
			if o := all[0].Origin; o.Topic != r.control || o.Offset != 0 || o.Bytes != len(e.Data())+1 {
				t.Errorf("origin %+v", o)
			}
			if got := string(all[0].Extra["site"]); got != `"x"` {
				t.Errorf("the unknown member is %s", got)
			}
			if told := slices.Compact(r.tellings()); !slices.Equal(told, []int64{1}) { // told twice, as the record came twice: it knows
				t.Errorf("deploy-training was told of %v", told)
			}
		})
	}
}

// A record that cannot be used is kept with its reason, and holds up nothing.
func TestRecordIsRefusedVisibly(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name, field, reason string
		value               []byte
	}{
		{"not JSON", "value", "not a JSON object", []byte("\x00\xff")},
		{"neither meaning of the fourth part", "total_msg", "", r.value(map[string]any{"total_msg": 3})},
		{"no such format", "input_format", "", r.value(map[string]any{"input_format": "XML"})},
		{"no such topic", "topic", "does not exist", r.value(map[string]any{"topic": "nowhere:0:0:10"})},
		{"beyond the end", "topic", "", r.value(map[string]any{"topic": r.data + ":0:5:10"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := r.record(t, []byte{9}, c.value)
			status, reply := r.send(t, kafkaSource(rec))
			var data struct {
				Reason     string
				Datasource int64
			}
			if status != 200 || reply.Type() != eventing.DatasourceRejected || validate.Event(reply) != nil {
				t.Fatalf("%d %s", status, reply)
			}
			if err := json.Unmarshal(reply.Data(), &data); err != nil || data.Reason == "" || !strings.Contains(data.Reason, c.reason) {
				t.Errorf("%v: %s", err, reply.Data())
			}
			var d pipeline.Datasource
			r.get(t, fmt.Sprintf("/datasources/%d", data.Datasource), &d)
			if d.Rejected == nil || d.Rejected.Field != c.field && c.field != "total_msg" || d.Origin.Offset != rec.Offset {
				t.Errorf("kept as %+v, rejected %+v", d, d.Rejected)
			}
		})
	}
	if status, reply := r.send(t, kafkaSource(r.record(t, []byte{9}, r.value(nil)))); status != 200 || reply.Type() != eventing.DatasourceReceived {
		t.Errorf("the next record: %d %s", status, reply)
	}
	if n := len(r.list(t, "?status=rejected")); n != 5 {
		t.Errorf("%d refusals are listed", n)
	}
	if told := r.tellings(); len(told) != 1 {
		t.Errorf("deploy-training was told of %v", told)
	}
}

// The answer waits for deploy-training; the record comes again and is told once.
func TestRecordIsNotTakenUntilItIsTold(t *testing.T) {
	r := newRig(t)
	r.setAway(true)
	e := kafkaSource(r.record(t, []byte{1}, r.value(nil)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := 0
	r.refused = func() {
		if asked++; asked == 2 { // it goes on asking
			cancel()
		}
	}
	req, err := eventing.NewRequest(ctx, r.URL, e)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		t.Errorf("answered %d while deploy-training is away", res.StatusCode)
		_ = res.Body.Close()
	}
	r.handling.Wait()
	if len(r.list(t, "")) != 1 {
		t.Error("the datasource is not kept")
	}
	r.setAway(false)
	if status, _ := r.send(t, e); status != 200 {
		t.Errorf("status %d", status)
	}
	if told := r.tellings(); !slices.Equal(told, []int64{1}) || len(r.list(t, "")) != 1 {
		t.Errorf("told of %v", told)
	}
}

func TestRecordAtAnothersPlaceIsRefused(t *testing.T) {
	r := newRig(t)
	rec := r.record(t, []byte{1}, r.value(nil))
	ids, err := r.cluster.TopicIDs(t.Context(), r.control)
	if err != nil {
		t.Fatal(err)
	}
	before := r.old(pipeline.Origin{Topic: r.control, TopicID: ids[r.control], Bytes: 7}, rec.Time)
	if err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return tx.CreateDatasource(&before) }); err != nil {
		t.Fatal(err)
	}
	if _, reply := r.send(t, kafkaSource(rec)); reply.Type() != eventing.DatasourceRejected || !strings.Contains(string(reply.Data()), "made anew") {
		t.Errorf("%s", reply)
	}
}

func TestResend(t *testing.T) {
	r := newRig(t)
	if status, _ := r.send(t, kafkaSource(r.record(t, []byte{1}, r.value(nil)))); status != 200 {
		t.Fatal(status)
	}
	r.send(t, kafkaSource(r.record(t, []byte{1}, []byte("{"))))
	deployment := r.deployment(t)
	resend := func(id, body string) (*http.Response, string) {
		res, err := http.Post(r.URL+"/datasources/"+id+"/resend", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res, string(b)
	}
	for _, c := range []struct {
		id, body string
		status   int
	}{
		{"1", `{"deployment":99}`, 422}, {"1", `{}`, 422}, {"9", `{"deployment":1}`, 404}, {"2", `{"deployment":1}`, 409},
	} {
		if res, body := resend(c.id, c.body); res.StatusCode != c.status {
			t.Errorf("%s %s: %d %s", c.id, c.body, res.StatusCode, body)
		}
	}
	_, before, err := r.cluster.Offsets(t.Context(), r.data)
	if err != nil {
		t.Fatal(err)
	}
	res, body := resend("1", fmt.Sprintf(`{"deployment":%d}`, deployment))
	if res.StatusCode != http.StatusCreated || res.Header.Get("Location") != "/datasources/3" {
		t.Fatalf("%d, Location %q: %s", res.StatusCode, res.Header.Get("Location"), body)
	}
	_, after, err := r.cluster.Offsets(t.Context(), r.data)
	if err != nil || before[0] != after[0] {
		t.Errorf("the data topic went from %d to %d, %v", before[0], after[0], err)
	}
	var d pipeline.Datasource
	r.get(t, "/datasources/3", &d)
	if d.ResendOf != 1 || d.Deployment != deployment || d.TotalMsg != 10 || d.Ranges[0].Length != 10 || d.ValidationRate != 0.2 {
		t.Errorf("%+v", d)
	}
	if told := r.tellings(); !slices.Equal(told, []int64{1, 3}) {
		t.Errorf("told of %v", told)
	}
}

// deployment makes a deployment row.
func (r *rig) deployment(t *testing.T) (id int64) {
	t.Helper()
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		d, _, err := registrytest.Deployed(tx, pipeline.Model{Name: "m", Source: "s"})
		id = d.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// What retention takes away is seen when the datasource is read.
func TestRetentionIsRefreshed(t *testing.T) {
	r := newRig(t)
	short := streamtest.Name(t)
	if err := r.cluster.CreateTopic(t.Context(), short, 1, map[string]string{"retention.ms": "-1", "segment.ms": "100"}); err != nil {
		t.Fatal(err)
	}
	produce := func() {
		if _, err := r.cluster.Produce(t.Context(), short, 0, []stream.Record{{Value: []byte{1, 2, 3, 4}}, {Value: []byte{1, 2, 3, 4}}}); err != nil {
			t.Fatal(err)
		}
	}
	produce()
	value := r.value(map[string]any{"topic": short + ":0:0:2", "total_msg": 2})
	if _, reply := r.send(t, kafkaSource(r.record(t, []byte{1}, value))); reply.Type() != eventing.DatasourceReceived {
		t.Fatalf("%s", reply.Data())
	}
	r.configure(t, short, "retention.ms", "1000")
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		produce() // a segment that is written to stays
		first, _, err := r.cluster.Offsets(t.Context(), short)
		if err == nil && first[0] >= 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the records stay: %v, %v", first, err)
		}
	}
	if got := r.list(t, "")[0].Retention; got.State != pipeline.Expired || got.Reason == "" {
		t.Errorf("%+v", got)
	}
	if n := len(r.list(t, "?status=expired")); n != 1 {
		t.Errorf("%d expired datasources are listed", n)
	}
}
