package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

func TestBothSidesGetTheSameArrays(t *testing.T) {
	for _, d := range []*dataset{
		points(22),
		{name: "images", dtype: codec.Uint8, shape: []int{2, 3}, count: 2, values: []byte("abcdefuvwxyz"), labels: []byte{7, 9}},
	} {
		t.Run(d.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "arrays.npz")
			if err := d.npz(path); err != nil {
				t.Fatal(err)
			}
			r, err := files.Open([]string{path}, files.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			decoder, err := codec.New(pipeline.RAW, d.config(), d.binding())
			if err != nil {
				t.Fatal(err)
			}
			for i := range d.count {
				label, sample, err := r.Next()
				if err != nil || !bytes.Equal(sample, d.sample(i)) || !bytes.Equal(label, d.label(i)) {
					t.Fatalf("row %d: %v %v, %v", i, label, sample, err)
				}
				in, out := [][]byte{make([]byte, d.size())}, [][]byte{make([]byte, 1)}
				if err := decoder.Record(in, out, label, sample); err != nil || !bytes.Equal(in[0], sample) {
					t.Fatalf("row %d as a record: %v, %v", i, in, err)
				}
			}
			if _, _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("after the last row: %v", err)
			}
		})
	}
}

func TestRowsRepeat(t *testing.T) {
	d := points(10).first(3)
	if d.count != 3 || len(d.values) != 36 || !bytes.Equal(d.sample(4), d.sample(1)) || !bytes.Equal(d.label(5), d.label(2)) {
		t.Errorf("%d rows of %d bytes", d.count, len(d.values))
	}
	if d = d.first(100); d.count != 3 {
		t.Errorf("%d rows of 3", d.count)
	}
}

func TestAvroConfigIsTaken(t *testing.T) {
	config, err := avroConfig()
	if err != nil || !json.Valid(config) {
		t.Fatalf("%s, %v", config, err)
	}
	if _, err := codec.New(pipeline.AVRO, config, (&dataset{shape: []int{features}}).binding()); err != nil {
		t.Error(err)
	}
}

func TestFramedMeasurementsAreDecoded(t *testing.T) {
	d, err := framedDecoder()
	if err != nil {
		t.Fatal(err)
	}
	value := append(append(bytes.Clone(framing), make([]byte, 4*features)...), 2)
	sample, label := [][]byte{make([]byte, 4*features)}, [][]byte{make([]byte, d.Labels()[0].Bytes())}
	if err := d.Record(sample, label, nil, value); err != nil || label[0][0] != 1 {
		t.Errorf("label %v, %v", label, err)
	}
}

func TestSentAt(t *testing.T) {
	sent := time.Unix(0, 1_700_000_000_123_456_789)
	for _, c := range []struct {
		name    string
		headers []kgo.RecordHeader
		ok      bool
	}{
		{"among others", []kgo.RecordHeader{{Key: "ce_id", Value: []byte("1")}, {Key: sentHeader, Value: []byte("1700000000123456789")}}, true},
		{"none", []kgo.RecordHeader{{Key: "ce_id", Value: []byte("1")}}, false},
		{"no number", []kgo.RecordHeader{{Key: sentHeader, Value: []byte("soon")}}, false},
		{"no headers", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if at, ok := sentAt(c.headers); ok != c.ok || ok && !at.Equal(sent) {
				t.Errorf("%v %v", at, ok)
			}
		})
	}
}
