package control_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

func float32s(t *testing.T, from codec.DType, b []byte) (all []float32) {
	t.Helper()
	wide := make([]byte, 4*len(b)/from.Size())
	if err := codec.Cast(wide, codec.Float32, b, from); err != nil {
		t.Fatal(err)
	}
	for ; len(wide) > 0; wide = wide[4:] {
		all = append(all, math.Float32frombits(binary.LittleEndian.Uint32(wide)))
	}
	return all
}

// message is the shortest valid message with some members replaced.
func message(members ...string) string {
	all := map[string]json.RawMessage{"topic": json.RawMessage(`"t:0:0:10"`), "input_format": json.RawMessage(`"RAW"`)}
	for _, m := range members {
		name, value, _ := strings.Cut(m, "=")
		all[name] = json.RawMessage(value)
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(fmt.Sprint(members, err)) // a mistake in the table
	}
	return string(b)
}

func at(topic string, partition int, offset, length int64) pipeline.Range {
	return pipeline.Range{Topic: topic, Partition: partition, Offset: offset, Length: length}
}

func TestParseRanges(t *testing.T) {
	tests := map[string]struct {
		topic, total string
		want         []pipeline.Range
	}{
		"a length":                        {"t:0:5:10", "10", []pipeline.Range{at("t", 0, 5, 10)}},
		"an end offset":                   {"t:0:5:15", "10", []pipeline.Range{at("t", 0, 5, 10)}},
		"both at once":                    {"t:0:0:10", "10", []pipeline.Range{at("t", 0, 0, 10)}},
		"brackets":                        {"[t:0:0:6, t:1:2:4]", "10", []pipeline.Range{at("t", 0, 0, 6), at("t", 1, 2, 4)}},
		"brackets round each":             {"[t:0:0:6],[t:1:2:4]", "10", []pipeline.Range{at("t", 0, 0, 6), at("t", 1, 2, 4)}},
		"end offsets of several":          {"t:0:100:106,u.v-w_x:1:7:11", "10", []pipeline.Range{at("t", 0, 100, 6), at("u.v-w_x", 1, 7, 4)}},
		"an empty partition, as end":      {"t:0:5:15,t:1:8:8", "10", []pipeline.Range{at("t", 0, 5, 10)}},
		"an empty partition, as length":   {"t:0:5:10,t:1:8:0", "10", []pipeline.Range{at("t", 0, 5, 10)}},
		"no total: lengths":               {"t:0:5:15", "null", []pipeline.Range{at("t", 0, 5, 15)}},
		"three parts":                     {"t:0:5", "10", []pipeline.Range{at("t", 0, 5, -1)}},
		"three parts among four":          {"t:0:5,t:1:0:3", "10", []pipeline.Range{at("t", 0, 5, -1), at("t", 1, 0, 3)}},
		"a total that is text":            {"t:0:5:15", `"10"`, []pipeline.Range{at("t", 0, 5, 10)}},
		"a total with a decimal point":    {"t:0:5:15", `10.0`, []pipeline.Range{at("t", 0, 5, 10)}},
		"lengths that look like offsets":  {"t:0:100:200,t:1:50:60", "260", []pipeline.Range{at("t", 0, 100, 200), at("t", 1, 50, 60)}},
		"an end, offsets beyond 32 bits":  {"t:0:9000000000:9000000010", "10", []pipeline.Range{at("t", 0, 9_000_000_000, 10)}},
		"trailing commas and white space": {" t:0:0:10 ,, ", "10", []pipeline.Range{at("t", 0, 0, 10)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := control.Parse([]byte{1}, []byte(message(fmt.Sprintf("topic=%q", test.topic), "total_msg="+test.total)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, d.Ranges); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseDeployment(t *testing.T) {
	tests := map[string]struct {
		key  string
		id   string // deployment_id in the value
		want int64
	}{
		"one byte":                   {"\x05", "null", 5},
		"one byte that is a digit":   {"1", "null", 49}, // the original's producers send numbers
		"two bytes":                  {"\x01\x2c", "null", 300},
		"decimal text":               {"300", "null", 300},
		"the value wins":             {"\x05", "7", 7},
		"the value wins, as text":    {"\x05", `"7"`, 7},
		"without a key":              {"", "7", 7},
		"a key that is no number":    {"deployment-with-a-name", "7", 7},
		"eight bytes":                {"\x00\x00\x00\x00\x00\x00\x01\x00", "null", 256},
		"the largest of eight bytes": {"\x7f\xff\xff\xff\xff\xff\xff\xff", "null", math.MaxInt64},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := control.Parse([]byte(test.key), []byte(message("deployment_id="+test.id)))
			if err != nil || d.Deployment != test.want {
				t.Errorf("got %d, %v", d.Deployment, err)
			}
		})
	}
}

// TestParseLeavesOutAByteOrderMark takes a message that was saved by an editor of
// Windows before it was sent.
func TestParseLeavesOutAByteOrderMark(t *testing.T) {
	d, err := control.Parse([]byte("3"), []byte("\ufeff"+`{"topic":"t:0:0:2","input_format":"RAW","input_config":{"data_type":"uint8"},"validation_rate":0,"test_rate":0,"total_msg":2}`))
	if err != nil || d.TotalMsg != 2 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestParseKeepsMembers(t *testing.T) {
	value := message(`unsupervised_topic=null`, `incremental=false`, `dataset_restrictions={"a":[1]}`, `input_config="{\"data_type\": \"uint8\"}"`,
		`validation_rate="0.25"`, `test_rate=0.5`, `description=null`, `shuffle=true`, `seed=-3`, `order="partition"`)
	d, err := control.Parse([]byte{1}, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	want := pipeline.Datasource{
		Deployment: 1, Ranges: []pipeline.Range{at("t", 0, 0, 10)}, InputFormat: pipeline.RAW, InputConfig: json.RawMessage(`{"data_type":"uint8"}`),
		ValidationRate: 0.25, TestRate: 0.5, TotalMsg: 10, Shuffle: true, Seed: -3, Order: pipeline.OrderPartition, Origin: pipeline.Origin{Bytes: 1 + len(value), Key: "01"},
		Extra: map[string]json.RawMessage{"incremental": []byte("false"), "dataset_restrictions": []byte(`{"a":[1]}`)},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	key, again, err := control.MessageFor(d, 300).Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := control.Parse(key, again)
	if err != nil {
		t.Fatal(err)
	}
	want.Deployment, want.Origin = 300, pipeline.Origin{Bytes: len(key) + len(again)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent again: %s", diff)
	}
}

func TestParseSplit(t *testing.T) {
	for text, want := range map[string]pipeline.Datasource{
		`null`: {}, `"time"`: {}, `"random"`: {Split: pipeline.SplitRandom, Seed: 4}, `{"by": "label", "seed": 4}`: {Split: pipeline.SplitLabel, Seed: 4},
	} {
		members := []string{"split=" + text}
		if want.Seed != 0 {
			members = append(members, "seed=4")
		}
		d, err := control.Parse([]byte{1}, []byte(message(members...)))
		if err != nil || d.Split != want.Split || d.Seed != want.Seed || len(d.Extra) > 0 {
			t.Errorf("%s: %+v, %v", text, d, err)
		}
		key, value, err := control.MessageFor(d, 1).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := control.Parse(key, value); err != nil || !again.SameStream(d) {
			t.Errorf("%s, sent again: %+v, %v", text, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ key, value, field, mention string }{
		"no JSON":             {"\x01", `{"topic`, "value", "JSON"},
		"no object":           {"\x01", `[]`, "value", "JSON"},
		"null":                {"\x01", `null`, "value", "it is null"},
		"no deployment":       {"", message(), "deployment_id", "names no deployment"},
		"deployment 0":        {"\x00", message(), "deployment_id", "names no deployment"},
		"a key of text":       {"deployment-with-a-name", message(), "deployment_id", "22 bytes"},
		"half a deployment":   {"\x01", message("deployment_id=1.5"), "deployment_id", "1.5"},
		"a deployment of {}":  {"\x01", message("deployment_id={}"), "deployment_id", "{}"},
		"no topic":            {"\x01", message("topic=null"), "topic", "missing"},
		"an empty topic":      {"\x01", message(`topic="[]"`), "topic", "no range"},
		"a topic alone":       {"\x01", message(`topic="automl"`), "topic", "online sinks, whose streams have no end"},
		"five parts":          {"\x01", message(`topic="t:0:0:1:2"`), "topic", "5 parts"},
		"a bad name":          {"\x01", message(`topic="../t:0:0:1"`), "topic", "name of a topic"},
		"a negative offset":   {"\x01", message(`topic="t:0:-1:1"`), "topic", "no offset"},
		"a wide partition":    {"\x01", message(`topic="t:99999999999:0:1"`), "topic", "no partition"},
		"a length of words":   {"\x01", message(`topic="t:0:0:many"`), "topic", "no length"},
		"neither sum":         {"\x01", message(`topic="t:0:5:15"`, "total_msg=12"), "total_msg", "hold 15 (fourth place as length) or 10 (as end offset)"},
		"nothing":             {"\x01", message(`topic="t:0:5:0"`), "topic", "no record"},
		"an overflow":         {"\x01", message(`topic="t:0:0:4000000000000000000,t:1:0:4000000000000000000"`), "topic", "more records"},
		"a topic of numbers":  {"\x01", message("topic=5"), "topic", "5"},
		"an unknown format":   {"\x01", message(`input_format="CSV"`), "input_format", "CSV"},
		"for inference":       {"\x01", message(`input_format="TELEGRAF_STR_JSON"`), "input_format", "inference"},
		"a config of numbers": {"\x01", message("input_config=[1]"), "input_config", "object"},
		"a rate of 2":         {"\x01", message("validation_rate=2"), "validation_rate", "2"},
		"a negative rate":     {"\x01", message("test_rate=-0.1"), "test_rate", "-0.1"},
		"a rate of NaN":       {"\x01", message(`test_rate="NaN"`), "test_rate", "NaN"},
		"nothing to train on": {"\x01", message("validation_rate=0.5", "test_rate=0.5"), "validation_rate", "nothing to train on"},
		"an unknown order":    {"\x01", message(`order="size"`), "order", "size"},
		"an unknown split":    {"\x01", message(`split="size"`), "split", "size"},
		"a split of numbers":  {"\x01", message("split=5"), "split", "5"},
		"a split of {}":       {"\x01", message(`split={"by":5}`), "split", "by"},
		"two seeds":           {"\x01", message(`split={"by":"label","seed":3}`, "seed=4"), "split", "seed"},
		"a half total":        {"\x01", message("total_msg=9.5"), "total_msg", "9.5"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := control.Parse([]byte(test.key), []byte(test.value))
			var known *pipeline.Error
			if !errors.As(err, &known) || known.Field != test.field || known.Kind != pipeline.Invalid || !strings.Contains(known.Message(), test.mention) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEncodeKeys(t *testing.T) {
	for id, want := range map[int64]string{1: "\x01", 255: "\xff", 256: "\x01\x00", 1 << 40: "\x01\x00\x00\x00\x00\x00"} {
		key, _, err := control.Message{Deployment: id}.Encode()
		if err != nil || string(key) != want {
			t.Errorf("%d: got %x, %v", id, key, err)
		}
	}
	if _, _, err := (control.Message{}).Encode(); err == nil {
		t.Error("no deployment is taken")
	}
}

func TestReadFindsTheEndAsOfNow(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 2)
		produce(t, c, topic, 0, numbered(10))
		read := func(ranges, total string) (pipeline.Datasource, error) {
			return control.Read(t.Context(), c, []byte{1}, []byte(message(fmt.Sprintf("topic=%q", ranges), "total_msg="+total)), nil)
		}
		d, err := read(topic+":0:4", "null")
		if err != nil || d.TotalMsg != 6 || !cmp.Equal(d.Ranges, []pipeline.Range{at(topic, 0, 4, 6)}) || d.Retention.State != pipeline.Available {
			t.Errorf("got %+v, %v", d, err)
		}
		if _, err := read(topic+":0:4", "7"); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("a wrong total: %v", err)
		}
		if d, err = read(topic+":1:0", "null"); pipeline.KindOf(err) != pipeline.Invalid || d.Retention.State != pipeline.RetentionUnset {
			t.Errorf("an empty partition: %+v, %v", d, err)
		}
		if d, err = read(topic+":0:4:60", "60"); err == nil || pipeline.KindOf(err) == pipeline.Unavailable || len(d.Ranges) != 1 {
			t.Errorf("a range beyond the end: %+v, %v", d, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, r := range legacy(f) {
		if rec := r.record(f); r.Text != "" {
			f.Add(rec.Key, rec.Value)
		}
	}
	f.Add([]byte("12"), []byte(message(`topic="[t:0:5,u:1:2:3]"`, "seed=1e3", `total_msg="5"`)))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		d, err := control.Parse(key, value)
		if err != nil {
			var known *pipeline.Error
			if !errors.As(err, &known) || known.Field == "" {
				t.Fatalf("an error without a field: %v", err)
			}
			return
		}
		if d.Deployment < 1 || len(d.Ranges) == 0 || d.ValidationRate+d.TestRate >= 1 || !json.Valid(d.InputConfig) {
			t.Fatalf("taken: %+v", d)
		}
		open := false
		for _, r := range d.Ranges {
			open = open || r.Length == -1
		}
		if open {
			return // its ranges are settled by the log
		}
		key, value, err = control.MessageFor(d, d.Deployment).Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := control.Parse(key, value)
		if err != nil {
			t.Fatalf("what we write we refuse: %v", err)
		}
		again.Origin = d.Origin
		if !cmp.Equal(d.Ranges, again.Ranges) || d.TotalMsg != again.TotalMsg || d.Deployment != again.Deployment {
			t.Fatalf("%+v became %+v", d, again)
		}
	})
}

// So many ranges as a message has room for are not all looked up in the log, again
// and again: what is above the bound is refused as it is read.
func TestAttackManyRanges(t *testing.T) {
	topic := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf("t:0:%d:1", i))
		}
		return "topic=" + strconv.Quote(strings.Join(all, ","))
	}
	if d, err := control.Parse([]byte{1}, []byte(message(topic(5_000), "total_msg=5000"))); err != nil || len(d.Ranges) != 5_000 {
		t.Errorf("5,000 ranges: %d, %v", len(d.Ranges), err)
	}
	d, err := control.Parse([]byte{1}, []byte(message(topic(60_000), "total_msg=60000")))
	var refusal *pipeline.Error
	if !errors.As(err, &refusal) || refusal.Field != "topic" || refusal.Hint == "" || !strings.Contains(refusal.Reason, "5000") || len(d.Ranges) > 0 {
		t.Errorf("60,000 ranges: %d, %v", len(d.Ranges), err)
	}
}
