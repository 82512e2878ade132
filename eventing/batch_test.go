package eventing

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	sdk "github.com/cloudevents/sdk-go/binding/format/protobuf/v2"
	"github.com/cloudevents/sdk-go/binding/format/protobuf/v2/pb"
	"github.com/cloudevents/sdk-go/v2/event"
	"google.golang.org/protobuf/proto"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/protofield"
	"github.com/kafkaml/kafkaml/shared/stream"
)

func batcher() *deliverer {
	x := &deliverer{namespace: "n", name: SourceName("n", "x"), keyType: KeyByteArray, overrides: map[string]string{TokenExtension: "secret"}}
	x.fixed = x.ofAll()
	return x
}

var batched = []stream.Record{
	{Topic: "a.b_c-D", Partition: 3, Offset: 1 << 40, Key: []byte{0, 0xff}, Value: []byte("v"), Time: time.Unix(1_700_000_000, 120_000_000).UTC()},
	{Topic: "t", Time: time.Unix(0, 1_000_000).UTC(), Value: bytes.Repeat([]byte{7}, 3000)},
	{Topic: "t", Offset: 1, Key: []byte("k"), Time: time.Unix(1, 0).UTC()},
}

// The batch that is written is one of CloudEvents, as their own library reads it, and
// what that writes is read.
func TestBatch(t *testing.T) {
	x := batcher()
	body := x.appendBatch(nil, batched)
	check := func(records []Plain, err error) {
		t.Helper()
		if err != nil || len(records) != len(batched) {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for i, p := range records {
			want := batched[i]
			if len(p.Value) == 0 {
				p.Value = nil
			}
			if !reflect.DeepEqual(p.Record, want) || p.Token != "secret" {
				t.Errorf("%+v %q\nwant %+v", p.Record, p.Token, want)
			}
		}
	}
	check(ReadBatch(body))

	var again []byte
	n := 0
	err := protofield.Each(body, func(f protofield.Field) error {
		var ours pb.CloudEvent
		if err := proto.Unmarshal(f.Bytes, &ours); err != nil {
			return err
		}
		e, err := sdk.FromProto(&ours)
		if err != nil {
			return err
		}
		want := x.wrap(batched[n]).Event
		if e.ID() != want.ID() || e.Source() != want.Source() || e.Subject() != want.Subject() || !e.Time().Equal(want.Time()) || !bytes.Equal(e.Data(), want.Data()) || !reflect.DeepEqual(e.Extensions(), want.Extensions()) {
			t.Errorf("%v\nwant %v", e, want)
		}
		again = addByLibrary(t, again, want)
		n++
		return nil
	})
	if err != nil || n != len(batched) {
		t.Fatalf("%d events, %v", n, err)
	}
	check(ReadBatch(again))
}

// addByLibrary adds an event to a batch by CloudEvents' own library, which writes single
// ones.
func addByLibrary(t *testing.T, batch []byte, e event.Event) []byte {
	t.Helper()
	one, err := sdk.ToProto(&e)
	if err != nil {
		t.Fatal(err)
	}
	text, err := proto.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	return appendText(batch, batchEvents, text)
}

// What is no batch of plain records is refused, and its place is told.
func TestAttackBatch(t *testing.T) {
	x := batcher()
	whole := x.appendBatch(nil, batched)
	for n := range whole {
		if records, err := ReadBatch(whole[:n]); err == nil && len(records) == len(batched) {
			t.Errorf("the first %d bytes are a batch of %d", n, len(records))
		}
	}
	spoiled := func(change func(*event.Event)) []byte {
		good, bad := x.wrap(batched[0]).Event, x.wrap(batched[0]).Event
		change(&bad)
		return addByLibrary(t, addByLibrary(t, nil, good), bad)
	}
	for name, body := range map[string][]byte{
		"another type":   spoiled(func(e *event.Event) { e.SetType("x") }),
		"another id":     spoiled(func(e *event.Event) { e.SetID("x") }),
		"another source": spoiled(func(e *event.Event) { e.SetSource("/x#t") }),
		"a header":       spoiled(func(e *event.Event) { e.SetExtension("kafkaheadera", "b") }),
		"undelivered":    spoiled(func(e *event.Event) { e.SetExtension(UndeliveredExtension, "why") }),
		"a content type": spoiled(func(e *event.Event) { e.SetDataContentType("text/plain") }),
		"no offset":      spoiled(func(e *event.Event) { e.SetExtension("knativekafkaoffset", nil) }),
		"a large number": spoiled(func(e *event.Event) { e.SetExtension("knativekafkapartition", "3000000000") }),
	} {
		_, err := ReadBatch(body)
		if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), "event 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadBatch(bytes.Repeat([]byte{batchEvents<<3 | 2, 0}, 1<<20)); err == nil {
		t.Error("a million empty events are taken")
	}
	many := x.appendBatch(nil, make([]stream.Record, MostBatched+1))
	if _, err := ReadBatch(many); err == nil || strings.Contains(err.Error(), "more than") {
		t.Errorf("events of no topic: %v", err)
	}
	records := make([]stream.Record, MostBatched+1)
	for i := range records {
		records[i] = batched[1]
	}
	if _, err := ReadBatch(x.appendBatch(nil, records)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too many: %v", err)
	}
	if all, err := ReadBatch(x.appendBatch(nil, records[1:])); err != nil || len(all) != MostBatched {
		t.Errorf("as many as may be: %d, %v", len(all), err)
	}
}

func FuzzReadBatch(f *testing.F) {
	f.Add(batcher().appendBatch(nil, batched))
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := ReadBatch(body)
		if err != nil {
			return
		}
		for _, p := range records {
			if p.Topic == "" || p.Partition < 0 || p.Offset < 0 || len(p.Value) > len(body) {
				t.Errorf("%+v", p)
			}
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	x := batcher()
	records := make([]stream.Record, MostBatched)
	for i := range records {
		records[i] = batched[0]
		records[i].Value = make([]byte, 784)
	}
	body := x.appendBatch(nil, records)
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			body = x.appendBatch(body[:0], records)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := ReadBatch(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Batches grow while they are answered quickly, and shrink where that takes long.
func TestBatchesFitTheirSink(t *testing.T) {
	var e endpoint
	e.batch.Store(firstBatch)
	for i, c := range []struct {
		n    int
		took time.Duration
		want int32
	}{
		{8, 0, 16},
		{9, 0, 16},
		{16, quickBatch, 16},
		{16, 0, 32},
		{32, 0, 64},
		{64, 0, 64},
		{64, slowBatch, 64},
		{64, 2 * slowBatch, 32},
		{1, 2 * slowBatch, 16},
		{16, time.Hour, 8},
		{8, time.Hour, 8},
	} {
		if e.paced(c.n, c.took); e.batch.Load() != c.want {
			t.Errorf("%d: %d after %d records in %v, want %d", i, e.batch.Load(), c.n, c.took, c.want)
		}
	}
}
