package features

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// windowModel has an input of windows of two numbers, one of text and one of the
// last record alone.
var windowModel = []pipeline.Tensor{tensor("x", "float32", -1, 2), tensor("words", "string", -1), tensor("site", "int32", 1)}

const windowMapping = `"inputs":{"x":["a","b"],"words":"w","site":"s"},"label":"y"`

func windowed(t testing.TB, window string, label pipeline.Tensor) *Decoder {
	t.Helper()
	config := fmt.Sprintf(`{%s,"window":%s}`, windowMapping, window)
	d, err := New(pipeline.JSON, json.RawMessage(config), codec.Binding{Inputs: windowModel, Labels: []pipeline.Tensor{label}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// step is a record of a test, and what it holds.
type step struct {
	key  string
	n    int // tells it from all others
	at   int // seconds
	none bool
}

func (s step) record(offset int) stream.Record {
	value := fmt.Sprintf(`{"a":%d,"b":%d.5,"w":"w%d","s":%d,"y":%d}`, s.n, s.n, s.n, s.n%7, s.n)
	if s.none {
		value = strings.Replace(value, fmt.Sprintf(`"y":%d`, s.n), `"y":null`, 1)
	}
	return stream.Record{Topic: "t", Offset: int64(offset), Key: []byte(s.key), Value: []byte(value), Time: time.Unix(int64(s.at), 0)}
}

// reference is what windows are, said plainly: of the records that each key has
// had since it was last forgotten.
type reference struct {
	size, stride, first, last, within, keys int
	records                                 map[string][]step
	recent                                  []string
}

func (r *reference) add(s step, training bool) (window []step, labels []step) {
	if at := slices.Index(r.recent, s.key); at >= 0 {
		r.recent = slices.Delete(r.recent, at, at+1)
	} else if len(r.recent) == r.keys {
		delete(r.records, r.recent[0])
		r.recent = r.recent[1:]
	}
	r.recent = append(r.recent, s.key)
	r.records[s.key] = append(r.records[s.key], s)
	all := r.records[s.key]
	end := len(all)
	if training {
		end -= max(0, r.last)
	}
	begin := end - r.size
	if begin < 0 || training && begin%r.stride != 0 {
		return nil, nil
	}
	if apart := all[end-1].at - all[begin].at; r.within > 0 && max(apart, -apart) > r.within {
		return nil, nil
	}
	if training {
		labels = all[end-1+r.first : end+r.last]
		if slices.ContainsFunc(labels, func(s step) bool { return s.none }) {
			return nil, nil
		}
	}
	return all[begin:end], labels
}

// shownWindow is a window as shownTensors has it.
func shownWindow(window, labels []step) string {
	var x []float64
	var words []string
	for _, s := range window {
		x = append(x, float64(s.n), float64(s.n)+.5)
		words = append(words, fmt.Sprintf("%q", fmt.Sprintf("w%d", s.n)))
	}
	shown := fmt.Sprint("x", x, " words", strings.Join(words, ","), " site", []int{window[len(window)-1].n % 7})
	for i, s := range labels {
		shown += fmt.Sprint(map[bool]string{true: " -> y[", false: " "}[i == 0], s.n)
	}
	if len(labels) > 0 {
		shown += "]"
	}
	return shown
}

func randomSteps(random *rand.Rand, n int, unlabelled bool) []step {
	var all []step
	at := 1_700_000_000
	for i := range n {
		at += random.IntN(7) - 1
		all = append(all, step{key: fmt.Sprint("k", random.IntN(9)), n: i, at: at, none: unlabelled && random.IntN(20) == 0})
	}
	return all
}

func TestWindowsAreThoseOfTheReference(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := reference{size: 1 + random.IntN(6), stride: 1 + random.IntN(4), keys: 3 + random.IntN(9), records: map[string][]step{}}
		r.first = random.IntN(4) - min(r.size-1, 2)
		r.last = r.first + random.IntN(3)
		if random.IntN(2) == 0 {
			r.within = 5 * r.size
		}
		window := fmt.Sprintf(`{"by":"key","size":%d,"stride":%d,"horizon":[%d,%d],"keys":%d,"static":"site"`, r.size, r.stride, r.first, r.last, r.keys)
		if r.within > 0 {
			window += fmt.Sprintf(`,"within":"%ds"`, r.within)
		}
		d := windowed(t, window+"}", tensor("y", "float32", r.last-r.first+1))
		t.Run(window, func(t *testing.T) {
			steps := randomSteps(random, 400, true)
			training := r
			comparesTraining(t, d, &training, steps)
			r.records, r.recent = map[string][]step{}, nil
			comparesServing(t, d, &r, steps)
		})
	}
}

// comparesTraining trains on steps as the reference does.
func comparesTraining(t *testing.T, d *Decoder, r *reference, steps []step) {
	samples := d.NewSamples()
	inputs, labels := buffers(d.Inputs()), buffers(d.Labels())
	made := int64(0)
	for i, s := range steps {
		record := s.record(i)
		label, err := samples.Read(&record)
		if err != nil || (label != nil) != s.none {
			t.Fatal(err, label)
		}
		got, want := "", ""
		if samples.Add(&record, label == nil) {
			samples.Put(inputs, labels)
			got = shownTensors(t, d.Inputs(), inputs) + " -> " + shownTensors(t, d.Labels(), labels)
			made++
		}
		if window, labels := r.add(s, true); window != nil {
			want = shownWindow(window, labels)
		}
		if got != want {
			t.Fatalf("record %d gives\n%s, want\n%s", i, got, want)
		}
	}
	if c := samples.Counts(); c.Windows != made || c.Records != int64(len(steps)) || c.Unused < 0 || c.Unused > c.Records {
		t.Errorf("%+v of %d windows", c, made)
	}
}

// comparesServing predicts as the reference does, and goes on from offsets that
// From gave, by reading again.
func comparesServing(t *testing.T, d *Decoder, r *reference, steps []step) {
	windows := d.NewWindows()
	inputs := buffers(d.Inputs())
	least := int64(0)
	for i, s := range steps {
		record := s.record(i)
		full, err := windows.Sample(inputs, &record)
		if err != nil {
			t.Fatal(err)
		}
		got, want := "", ""
		if full {
			got = shownTensors(t, d.Inputs(), inputs)
		}
		if window, _ := r.add(s, false); window != nil {
			want = shownWindow(window, nil)
		}
		if got != want {
			t.Fatalf("record %d gives\n%s, want\n%s", i, got, want)
		}
		from := windows.From(int64(i) + 1)
		if from < least || from > int64(i)+1 {
			t.Fatalf("after record %d the least offset is %d, before it was %d", i, from, least)
		}
		if least = from; i%17 == 0 { // as another replica would
			windows = d.NewWindows()
			for k, s := range steps[from : i+1] {
				record := s.record(int(from) + k)
				if _, err := windows.Sample(inputs, &record); err != nil {
					t.Fatal(err)
				}
			}
			if again := windows.From(int64(i) + 1); again != from {
				t.Fatalf("read again from %d, the least offset is %d", from, again)
			}
		}
	}
}

func TestWindowsKeepTheirStateOverErrors(t *testing.T) {
	d := windowed(t, `{"by":"key","size":2,"static":"site"}`, tensor("y", "float32"))
	windows, inputs := d.NewWindows(), buffers(d.Inputs())
	take := func(r stream.Record) (string, error) {
		full, err := windows.Sample(inputs, &r)
		if !full {
			return "", err
		}
		return shownTensors(t, d.Inputs(), inputs), err
	}
	first, second := step{key: "a", n: 1}.record(0), step{key: "a", n: 2}.record(3)
	broken, keyless := first, first
	broken.Value, keyless.Key = []byte("{"), nil
	if got, err := take(first); got != "" || err != nil {
		t.Fatal(got, err)
	}
	if _, err := take(broken); err == nil {
		t.Error("a record that is not JSON is taken")
	}
	if _, err := take(keyless); err == nil || !strings.Contains(err.Error(), "has no key") {
		t.Error("a record without a key:", err)
	}
	if got, err := take(second); err != nil || got != shownWindow([]step{{n: 1}, {n: 2}}, nil) {
		t.Error(got, err)
	}
	if full, err := windows.Sample(inputs[:1], &second); full || err == nil {
		t.Error("a tensor too few:", full, err)
	}
}

// keysOf are configurations of by, and what of it a record of order belongs to.
func TestWindowKeys(t *testing.T) {
	for by, want := range map[string]string{
		`"key"`: "device-7", `"payment.currency"`: "EUR", `"payment.amount"`: "12.5", `{"from":"header","path":"source"}`: "web",
		`{"from":"key"}`: "device-7", `{"path":"none","missing":"all"}`: "all", `{"path":"member"}`: "true",
		`"payment"`: `!"payment" is an object`, `"card.limit"`: `!"card.limit" is null`, `"nothing"`: `!"nothing" is empty`, `"scores"`: "!more values", `null`: "",
	} {
		d, err := New(pipeline.JSON, json.RawMessage(`{"inputs":"items[0].price","window":{"size":1,"by":`+by+`}}`), codec.Binding{Inputs: x(1)})
		if err != nil {
			t.Fatal(by, err)
		}
		windows := d.NewWindows()
		full, err := windows.Sample(buffers(d.Inputs()), &sent)
		if text, refused := strings.CutPrefix(want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %s", by, err, text)
			}
			continue
		}
		if _, key := windows.Waiting(); err != nil || !full || key != want {
			t.Errorf("%s: %v, key %q, want %q", by, err, key, want)
		}
	}
}

func TestWindowsThatCannotBe(t *testing.T) {
	two := []pipeline.Tensor{tensor("x", "float32", 24, 2), tensor("site", "float32", 1)}
	for _, c := range []struct{ window, want string }{
		{`7`, "is 7, and not an object"},
		{`{}`, "size: is missing"},
		{`{"size":24,"sise":3}`, `has no member "sise"`},
		{`{"size":0}`, "size: 0 is not a whole number from 1"},
		{`{"size":"24"}`, `size: "24" is not a whole number`},
		{`{"size":24.5}`, "size: 24.5 is not a whole number"},
		{`{"size":24,"stride":0}`, "stride: 0 is not"},
		{`{"size":24,"keys":-1}`, "keys: -1 is not"},
		{`{"size":24,"within":"soon"}`, `within: "soon" is not a span of time`},
		{`{"size":24,"within":3}`, "within: 3 is not a span of time"},
		{`{"size":24,"horizon":"next"}`, `horizon: "next" is not a whole number`},
		{`{"size":24,"horizon":[2,1]}`, "horizon: [2,1] is neither"},
		{`{"size":24,"horizon":-24}`, "horizon: -24 is before the window's first record, which is -23"},
		{`{"size":24,"static":"site","horizon":[1,3]}`, `horizon: [1, 3] gives the labels of 3 records, and label "y" of the model is one value`},
		{`{"size":24,"by":7}`, "by: 7 is neither a path nor a column"},
		{`{"size":24,"static":"site","by":{"from":"timestamp"}}`, "a timestamp tells no sequences apart"},
		{`{"size":24,"static":"site","by":{"path":"a","missing":"mask","mask":"m"}}`, "takes no mask"},
		{`{"size":24,"static":7}`, "static: 7 is not a list of inputs"},
		{`{"size":24,"static":["sit"]}`, `static: the model has no input "sit" (its inputs are "x", "site")`},
		{`{"size":24,"static":["site","x"]}`, "static: leaves no input that takes a window"},
		{`{"size":12,"static":"site"}`, `size: a window is 12 records, and input "x" of the model takes 24 (24x2) (make windows of "size": 24`},
		{`{"size":24}`, `size: a window is 24 records, and input "site" of the model takes 1 (1)`},
	} {
		_, err := New(pipeline.JSON, json.RawMessage(`{"inputs":{"x":["a","b"],"site":"s"},"label":"y","window":`+c.window+`}`), codec.Binding{Inputs: two, Labels: []pipeline.Tensor{tensor("y", "float32")}})
		if err == nil {
			t.Errorf("%s is taken", c.window)
			continue
		}
		if got := fmt.Sprintf("%v (%s)", err, hintOf(err)); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.window, got, c.want)
		}
	}
	_, err := New(pipeline.RAW, json.RawMessage(`{"data_type":"float32","data_reshape":"24 2","window":{"size":24}}`), codec.Binding{Inputs: two[:1]})
	if err == nil || !strings.Contains(hintOf(err), "describes one record, not the whole window") {
		t.Errorf("a reshape of the whole window: %v (%s)", err, hintOf(err))
	}
}

func TestNothingComesOfWindows(t *testing.T) {
	for window, want := range map[string]string{
		`{"size":4,"by":"key","static":"site"}`:                  `no key has 4 records; the most is 3, of key "b"`,
		`{"size":3,"by":"key","static":"site","horizon":2}`:      `no key has 5 records, 3 of a window and 2 to its last label; the most is 3, of key "b"`,
		`{"size":6,"static":"site"}`:                             `the stream has 5 records for windows of 6 records`,
		`{"size":3,"by":"key","static":"site","within":"3s"}`:    `no 3 records of a key lie within 3s; the shortest such run takes 6s`,
		`{"size":3,"by":"key","static":"site","keys":1}`:         `the most is 2, of key "b"; 3 keys were forgotten, as 1 are kept at once`,
		`{"size":2,"by":"key","static":"site","horizon":[0, 0]}`: ``,
	} {
		label := tensor("y", "float32")
		if strings.Contains(window, "[") {
			label.Shape = []int{1}
		}
		d := windowed(t, window, label)
		samples := d.NewSamples()
		for i, s := range []step{{key: "a", at: 1}, {key: "b", at: 2}, {key: "a", at: 3}, {key: "b", at: 5}, {key: "b", at: 8}} {
			r := s.record(i)
			if label, err := samples.Read(&r); err != nil || label != nil {
				t.Fatal(label, err)
			}
			samples.Add(&r, true)
		}
		err := samples.Nothing()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", window, err, want)
		}
	}
}

func TestKeysOverPartitionsAndClocks(t *testing.T) {
	d := windowed(t, `{"size":2,"by":"key","static":"site"}`, tensor("y", "float32"))
	samples := d.NewSamples()
	for i, s := range []step{{key: "a", at: 10}, {key: "b", at: 10}, {key: "a", at: 9}, {key: "b", at: 11}, {key: "a", at: 12}} {
		r := s.record(i)
		r.Partition = map[bool]int{true: i % 3, false: 1}[s.key == "a"]
		if _, err := samples.Read(&r); err != nil {
			t.Fatal(err)
		}
		samples.Add(&r, true)
	}
	if c := samples.Counts(); c.Spread != 1 || c.Backwards != 1 || c.Keys != 2 || c.Windows != 3 || c.Unused != 0 {
		t.Errorf("%+v", c)
	}
}

func FuzzWindow(f *testing.F) {
	for _, window := range []string{`{"by":"key","size":24,"horizon":[1,2]}`, `{"size":2,"by":{"path":"a"},"within":"2h","static":["site"],"keys":7,"stride":3}`, `[]`, `{"size":1e9}`} {
		f.Add([]byte(window), []byte(order))
	}
	f.Fuzz(func(t *testing.T, window, value []byte) {
		config, err := json.Marshal(map[string]any{"data_fields": "day member", "window": json.RawMessage(window)})
		if err != nil {
			return
		}
		d, err := New(pipeline.JSON, config, codec.Binding{Inputs: []pipeline.Tensor{tensor("x", "float64", -1, 2)}, Labels: []pipeline.Tensor{tensor("y", "float32")}})
		if err != nil || d.Window() == nil || d.Window().Size > 100 {
			return
		}
		windows, inputs := d.NewWindows(), buffers(d.Inputs())
		for i := range 3 {
			r := stream.Record{Key: []byte("k"), Value: value, Offset: int64(i)}
			full, err := windows.Sample(inputs, &r)
			if from := windows.From(int64(i) + 1); full && err != nil || from > int64(i)+1 {
				t.Fatal(full, err, from)
			}
		}
	})
}

// hintOf is the hint of a refusal.
func hintOf(err error) string {
	if known, is := err.(*pipeline.Error); is { //nolint:errorlint // as New gives it
		return known.Hint
	}
	return ""
}

func TestRangesThatWindowsSuit(t *testing.T) {
	stream := func(records int64) []pipeline.Range {
		return []pipeline.Range{{Length: records / 2}, {Length: records - records/2}}
	}
	for _, c := range []struct {
		window  string
		records int64
		by      pipeline.SplitBy
		want    string
	}{
		{`{"size":24,"horizon":2}`, 26, pipeline.SplitLabel, ""},
		{`{"size":24,"horizon":2}`, 25, pipeline.SplitTime, "take 26 records one after the other, and the stream has 25 in all"},
		{`{"size":24,"horizon":[0,1]}`, 99, pipeline.SplitLabel, "the labels of 2 records"},
		{`null`, 0, pipeline.SplitLabel, ""},
	} {
		w, err := parseWindow(json.RawMessage(c.window))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Suits(stream(c.records), c.by); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s of %d records: %v, want %q", c.window, c.records, err, c.want)
		}
	}
}

// TestAttackKeysOfWindowsAreNoLabels: a record without its label is not learned from by
// its key, which tells the sequences apart.
func TestAttackKeysOfWindowsAreNoLabels(t *testing.T) {
	d, err := New(pipeline.JSON, json.RawMessage(`{"data_fields":["a","b"],"label_field":"y","window":{"by":"key","size":2}}`),
		codec.Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 2, 2)}, Labels: []pipeline.Tensor{tensor("y", "float32")}})
	if err != nil {
		t.Fatal(err)
	}
	label := buffers(d.Labels())
	if err := d.labelOf(nil, label, &stream.Record{Key: []byte("17"), Value: []byte(`{"a":1,"b":2}`)}); err == nil || !strings.Contains(err.Error(), `"y" is missing`) {
		t.Errorf("without a label: %v", err)
	}
	if err := d.labelOf(nil, label, &stream.Record{Key: []byte("17"), Value: []byte(`{"a":1,"b":2,"y":3}`)}); err != nil {
		t.Errorf("with one: %v", err)
	}
}
