package suspects

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// replica opens the watch of a process. One that is left as it is died.
func replica(t *testing.T, file string, change func(*Config)) *Watch {
	t.Helper()
	c := Config{File: file, Inference: 7, Result: 3, Sure: true, Slots: 2, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&c)
	}
	w := Open(c)
	if w == nil {
		t.Fatal("nothing is watched")
	}
	return w
}

func record(partition int, offset int64) *stream.Record {
	return &stream.Record{Topic: "in", Partition: partition, Offset: offset, Value: []byte("value")}
}

// verdict is what becomes of a record.
func verdict(t *testing.T, w *Watch, r *stream.Record) string {
	t.Helper()
	switch alone, err := w.Judge(r); {
	case err != nil:
		if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), "its prediction ended the process") {
			t.Error(err)
		}
		return "dead letter"
	case alone:
		return "alone"
	}
	return "with others"
}

func expect(t *testing.T, w *Watch, r *stream.Record, want string) {
	t.Helper()
	if got := verdict(t, w, r); got != want {
		t.Errorf("partition %d, offset %d: %s, want %s", r.Partition, r.Offset, got, want)
	}
}

// A record that was in a batch is a suspect, one that then dies alone is at fault,
// here and at the other replicas; those beside it are predicted as ever.
func TestAttackRecordThatKillsIsFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "1")
	w := replica(t, file, nil)
	done := w.Begin()
	done.Add(record(0, 1))
	done.End()
	m := w.Begin()
	for _, r := range []*stream.Record{record(0, 7), record(0, 5), record(1, 9)} {
		m.Add(r)
	}
	w = replica(t, file, nil)
	for _, offset := range []int64{5, 6, 7} {
		expect(t, w, record(0, offset), "alone")
	}
	for _, r := range []*stream.Record{record(0, 1), record(0, 4), record(0, 8), record(1, 5), {Topic: "other", Offset: 5}} {
		expect(t, w, r, "with others")
	}
	w.Alone(record(0, 5)).End()
	expect(t, w, record(0, 5), "with others")
	w.Alone(record(0, 7))
	w = replica(t, file, nil)
	expect(t, w, record(0, 7), "dead letter")
	expect(t, w, record(1, 9), "alone") // not yet tried
	anew := record(0, 7)
	anew.Value = []byte("another record of a topic that was made anew")
	expect(t, w, anew, "alone")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, replica(t, filepath.Join(filepath.Dir(file), "2"), nil), record(0, 7), "dead letter")
	expect(t, replica(t, file, func(c *Config) { c.Result = 4 }), record(0, 7), "with others")
}

// Where the process may have been killed from outside, a record needs three deaths; one
// that was alone by chance is no more than a suspect, and an end that was told makes none.
func TestAttackKillsFromOutside(t *testing.T) {
	file := filepath.Join(t.TempDir(), "1")
	unsure := func(c *Config) { c.Sure = false }
	for _, want := range []string{"with others", "alone", "alone"} {
		w := replica(t, file, unsure)
		expect(t, w, record(0, 7), want)
		if want == "alone" {
			w.Alone(record(0, 7))
			continue
		}
		w.Begin().Add(record(0, 7))
	}
	w := replica(t, file, unsure)
	expect(t, w, record(0, 7), "dead letter")
	w.Begin().Add(record(0, 20))
	w.Told()
	expect(t, replica(t, file, unsure), record(0, 20), "with others")
}

// A marker that is torn, foreign or absurd counts for nothing, and one whose file is cut
// ends neither the process nor its predictions.
func TestAttackMarkerThatIsSpoilt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "1")
	replica(t, file, nil).Begin().Add(record(0, 7))
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	span := headerSize + 16
	spoil := map[string]func([]byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"cut":           func(b []byte) []byte { return b[:len(b)-1] },
		"magic":         func(b []byte) []byte { b[0]++; return b },
		"inference":     func(b []byte) []byte { b[8]++; return b },
		"slots":         func(b []byte) []byte { order.PutUint64(b[24:], 1<<60); return b },
		"spans":         func(b []byte) []byte { order.PutUint64(b[headerSize:], 1<<60); return b },
		"all partition": func(b []byte) []byte { order.PutUint64(b[span+16:], 0); order.PutUint64(b[span+24:], 1<<62); return b },
		"backwards":     func(b []byte) []byte { order.PutUint64(b[span+16:], 9); return b },
	}
	for name, f := range spoil {
		if err := os.WriteFile(file, f(bytes.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := verdict(t, replica(t, file, nil), record(0, 7)); got != "with others" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if err := os.WriteFile(file+ending, []byte(`{"inference":7,"result":3,"alone":[{"partition":`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := replica(t, file, nil)
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m := w.Begin()
		m.Add(record(0, 7))
		m.End()
	}
	w.Alone(record(0, 8)).End()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// What is kept is bounded, whatever dies.
func TestSuspectsAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "1")
	for round := range 3 {
		w := replica(t, file, func(c *Config) { c.Slots = 10 * mostSlots })
		for range 2 * mostSlots {
			m := w.Begin()
			records := make([]stream.Record, 300)
			for i := range records { // with gaps of the log between
				records[i] = *record(0, int64(round*1000+i)*widest)
			}
			m.AddAll(records)
			w.quiet.RUnlock()
		}
	}
	w := replica(t, file, nil)
	if len(w.ranges) != mostKept {
		t.Errorf("%d ranges", len(w.ranges))
	}
	text, err := os.ReadFile(file + ending)
	var d deaths
	if err != nil || len(text) > mostBytes || json.Unmarshal(text, &d) != nil || len(d.Suspects) != mostKept {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// BenchmarkMark is what a batch costs beside its prediction.
func BenchmarkMark(b *testing.B) {
	w := Open(Config{File: filepath.Join(b.TempDir(), "1"), Slots: 40, Log: slog.Default()})
	records := make([]stream.Record, 64)
	for i := range records {
		records[i] = *record(i%4, int64(i))
	}
	b.Run("one record", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := w.Begin()
			m.Add(&records[0])
			m.End()
		}
	})
	b.Run("64 records one by one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := w.Begin()
			for i := range records {
				_, _ = w.Judge(&records[i])
				m.Add(&records[i])
			}
			m.End()
		}
	})
}
