package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
)

var written = []Record{
	{Key: []byte("k"), Value: []byte("first"), Time: time.UnixMilli(1_700_000_000_000)},
	{Value: bytes.Repeat([]byte("long"), 100), Time: time.UnixMilli(1_700_000_000_500), Headers: []Header{{Key: "a", Value: []byte("1")}, {Key: "b"}}},
	{Key: []byte{}, Value: nil, Time: time.UnixMilli(1_700_000_000_001), Headers: []Header{{Key: "a", Value: []byte{}}}},
}

// set is a record set of written at an offset, as it lies in an answer.
func set(offset int64, edit ...func([]byte)) []byte {
	b := encodeRecordSet(written, anonymous)[sizePrefix:]
	binary.BigEndian.PutUint64(b, uint64(offset))
	for _, e := range edit {
		e(b)
	}
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func flag(bits uint16) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint16(b[21:], bits) }
}

// compressed packs the records of a set by a codec.
func compressed(t testing.TB, method kafka.Compression) []byte {
	t.Helper()
	plain := set(0)
	var packed bytes.Buffer
	w := method.Codec().NewWriter(&packed)
	if _, err := w.Write(plain[batchHeader:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := append(plain[:batchHeader:batchHeader], packed.Bytes()...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-beforeLength))
	flag(uint16(method))(b)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func TestCollect(t *testing.T) {
	old := set(0)
	old[16] = 1
	for _, c := range []struct {
		name    string
		set     []byte
		from    int64
		offsets []int64
		next    int64
		fails   bool
	}{
		{"nothing", nil, 7, nil, 7, false},
		{"one batch", set(0), 0, []int64{0, 1, 2}, 3, false},
		{"from within a batch", set(0), 2, []int64{2}, 3, false},
		{"two batches", append(set(5), set(8)...), 5, []int64{5, 6, 7, 8, 9, 10}, 11, false},
		{"a batch before", append(set(5), set(8)...), 8, []int64{8, 9, 10}, 11, false},
		{"the last one cut off", append(set(0), set(3)[:70]...), 0, []int64{0, 1, 2}, 3, false},
		{"the last one cut off in its header", append(set(0), set(3)[:9]...), 0, []int64{0, 1, 2}, 3, false},
		{"the first one cut off", set(0)[:70], 0, nil, 0, true},
		{"a transaction's marker", append(set(0, flag(controlBatch)), set(3)...), 0, []int64{3, 4, 5}, 6, false},
		{"nothing but a marker", set(0, flag(controlBatch)), 0, nil, 3, false},
		{"emptied by compaction", set(0, func(b []byte) { binary.BigEndian.PutUint32(b[57:], 0) }), 0, nil, 3, false},
		{"gzip", compressed(t, kafka.Gzip), 0, []int64{0, 1, 2}, 3, false},
		{"snappy", compressed(t, kafka.Snappy), 0, []int64{0, 1, 2}, 3, false},
		{"lz4", compressed(t, kafka.Lz4), 0, []int64{0, 1, 2}, 3, false},
		{"zstd", compressed(t, kafka.Zstd), 0, []int64{0, 1, 2}, 3, false},
		{"an unknown compression", set(0, flag(7)), 0, nil, 0, true},
		{"compressed nonsense", set(0, flag(1)), 0, nil, 0, true},
		{"an old format", old, 0, nil, 0, true},
		{"a wrong sum", append(set(0)[:60:60], append([]byte{9}, set(0)[61:]...)...), 0, nil, 0, true},
		{"more records than there are", set(0, func(b []byte) { binary.BigEndian.PutUint32(b[57:], 1<<30) }), 0, nil, 0, true},
		{"a record longer than the batch", set(0, func(b []byte) { b[61] = 0x7e }), 0, nil, 0, true},
		{"a negative length", set(0, func(b []byte) { binary.BigEndian.PutUint32(b[8:], 1<<31) }), 0, nil, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, b := fetcher{topic: "t", partition: 4, next: c.from}, &batch{}
			err := f.collect(b, c.set)
			if (err != nil) != c.fails || !c.fails && f.next != c.next {
				t.Fatalf("next %d, %v", f.next, err)
			}
			var got []int64
			for _, r := range b.records {
				got = append(got, r.Offset)
				want := written[(r.Offset-int64(binary.BigEndian.Uint64(c.set)))%3]
				want.Topic, want.Partition, want.Offset = "t", 4, r.Offset
				if diff := cmp.Diff(want, r); diff != "" && !c.fails {
					t.Errorf("record %d: %s", r.Offset, diff)
				}
			}
			if diff := cmp.Diff(c.offsets, got); diff != "" && !c.fails {
				t.Error(diff)
			}
		})
	}
}

func TestLogAppendTime(t *testing.T) {
	f, b := fetcher{}, &batch{}
	if err := f.collect(b, set(0, flag(logAppendTime))); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.records {
		if r.Time.UnixMilli() != 1_700_000_000_500 {
			t.Errorf("record %d is of %v", r.Offset, r.Time)
		}
	}
}

// answer is the body of an answer to a fetch with a record set.
func answer(failure int16, set []byte) []byte {
	be := binary.BigEndian
	b := be.AppendUint32(nil, correlation)
	b = append(b, make([]byte, 4+2+4)...)
	b = be.AppendUint32(b, 1)
	b = appendString(b, "topic")
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, 3)
	b = be.AppendUint16(b, uint16(failure))
	b = append(b, make([]byte, 8+8+8)...)
	b = be.AppendUint32(b, 1)
	b = append(b, make([]byte, 16)...) // an aborted transaction
	b = be.AppendUint32(b, uint32(len(set)))
	return append(b, set...)
}

func TestParseFetch(t *testing.T) {
	a, err := parseFetch(answer(0, []byte("records")))
	if err != nil || string(a.records) != "records" || a.failure != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	a, err = parseFetch(answer(int16(kafka.OffsetOutOfRange), nil))
	if err != nil || !errors.Is(a.failure, kafka.OffsetOutOfRange) || len(a.records) != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	whole := answer(0, []byte("records"))
	for n := range whole {
		if _, err := parseFetch(whole[:n]); err == nil {
			t.Errorf("cut to %d bytes it is taken", n)
		}
	}
	whole[3]++ // the number of another request
	if _, err := parseFetch(whole); err == nil {
		t.Error("another request's answer is taken")
	}
}

func FuzzCollect(f *testing.F) {
	f.Add(set(0), int64(0))
	f.Add(append(set(0), set(3)...), int64(1))
	f.Add(compressed(f, kafka.Gzip), int64(0))
	f.Add(compressed(f, kafka.Zstd), int64(0))
	f.Add(set(0, flag(controlBatch)), int64(0))
	f.Fuzz(func(t *testing.T, set []byte, next int64) {
		if len(set) > 21 { // a sum that is right reaches what lies behind it
			binary.BigEndian.PutUint32(set[17:], crc32.Checksum(set[21:], castagnoli))
		}
		f, b := fetcher{next: next}, &batch{}
		if err := f.collect(b, set); err == nil && f.next < next {
			t.Errorf("went back from %d to %d", next, f.next)
		}
		for i := 1; i < len(b.records); i++ {
			_ = append(append([]byte{}, b.records[i].Key...), b.records[i].Value...)
		}
	})
}

func FuzzParseFetch(f *testing.F) {
	f.Add(answer(0, set(0)))
	f.Add(answer(3, nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		if a, err := parseFetch(body); err == nil && len(a.records) > len(body) {
			t.Error("more records than bytes")
		}
	})
}
