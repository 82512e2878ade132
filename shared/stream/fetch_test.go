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
	b := encodeRecordSet(nil, written, anonymous)[sizePrefix:]
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
			var a answer
			next, err := a.collect(c.set, c.from, 1<<20, false, nil)
			records, broken := decodeAll(&a)
			if (err != nil || broken != nil) != c.fails || !c.fails && next != c.next {
				t.Fatalf("next %d, %v, %v", next, err, broken)
			}
			var got []int64
			for _, r := range records {
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

// decodeAll gives copies of the records of an answer, which it decodes one at a
// time.
func decodeAll(a *answer) (all []Record, err error) {
	d := decoder{topic: "t", partition: 4}
	d.begin(a)
	for {
		records, err := d.decode(1)
		if err != nil || len(records) == 0 {
			return all, err
		}
		for i := range records {
			all = append(all, records[i].Clone())
		}
	}
}

// However little may be held, all records come, in order and once, by asking
// again from where the last answer ended.
func TestCollectWithinBounds(t *testing.T) {
	for name, whole := range map[string][]byte{
		"plain":      append(append(set(5), set(8)...), set(11)...),
		"compressed": compressed(t, kafka.Gzip),
		"both":       append(compressed(t, kafka.Zstd), set(3)...),
	} {
		for _, lent := range []bool{false, true} {
			first := int64(binary.BigEndian.Uint64(whole))
			want, err := new(answer).collect(whole, first, 1<<20, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			for hold := range int64(1500) {
				next := first
				for next < want {
					var a answer
					after, err := a.collect(whole, next, hold, lent, nil)
					if err != nil || after <= next {
						t.Fatalf("%s, lent %v, %d bytes: from %d to %d, %v", name, lent, hold, next, after, err)
					}
					records, err := decodeAll(&a)
					if err != nil || int64(len(records)) != after-next {
						t.Fatalf("%s, lent %v, %d bytes: %d records from %d to %d, %v", name, lent, hold, len(records), next, after, err)
					}
					for i, r := range records {
						if w := written[(r.Offset-first)%3]; r.Offset != next+int64(i) || !bytes.Equal(r.Value, w.Value) {
							t.Fatalf("%s, lent %v, %d bytes: record %d is %+v", name, lent, hold, next+int64(i), r)
						}
					}
					if lent && len(records) > 1 && a.size() > max(hold, hold/4+int64(cap(a.memory))) {
						t.Fatalf("%s: %d bytes are held, %d allowed", name, a.size(), hold)
					}
					next = after
				}
			}
		}
	}
}

func TestLogAppendTime(t *testing.T) {
	var a answer
	if _, err := a.collect(set(0, flag(logAppendTime)), 0, 1<<20, false, nil); err != nil {
		t.Fatal(err)
	}
	records, err := decodeAll(&a)
	if err != nil || len(records) != len(written) {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, r := range records {
		if r.Time.UnixMilli() != 1_700_000_000_500 {
			t.Errorf("record %d is of %v", r.Offset, r.Time)
		}
	}
}

// body is the body of an answer to a fetch with a record set.
func body(failure int16, set []byte) []byte {
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
	failure, set, aborted, err := parseFetch(body(0, []byte("records")))
	if err != nil || string(set) != "records" || failure != 0 || len(aborted) != 1 {
		t.Errorf("%v, %q, %v, %v", failure, set, aborted, err)
	}
	failure, set, _, err = parseFetch(body(int16(kafka.OffsetOutOfRange), nil))
	if err != nil || !errors.Is(failure, kafka.OffsetOutOfRange) || len(set) != 0 {
		t.Errorf("%v, %q, %v", failure, set, err)
	}
	whole := body(0, []byte("records"))
	for n := range whole {
		if _, _, _, err := parseFetch(whole[:n]); err == nil {
			t.Errorf("cut to %d bytes it is taken", n)
		}
	}
	whole[3]++ // the number of another request
	if _, _, _, err := parseFetch(whole); err == nil {
		t.Error("another request's answer is taken")
	}
}

func FuzzCollect(f *testing.F) {
	f.Add(set(0), int64(0))
	f.Add(append(set(0), set(3)...), int64(1))
	f.Add(compressed(f, kafka.Gzip), int64(0))
	f.Add(compressed(f, kafka.Zstd), int64(0))
	f.Add(set(0, flag(controlBatch)), int64(0))
	f.Add(append(set(0, flag(transactional)), set(3, flag(controlBatch|transactional))...), int64(0))
	f.Fuzz(func(t *testing.T, set []byte, next int64) {
		if len(set) > 21 { // a sum that is right reaches what lies behind it
			binary.BigEndian.PutUint32(set[17:], crc32.Checksum(set[21:], castagnoli))
		}
		for _, hold := range []int64{64, 1 << 20} {
			for _, lent := range []bool{false, true} {
				var a answer
				if after, err := a.collect(set, next, hold, lent, []transaction{{first: next}}); err == nil && after < next {
					t.Errorf("went back from %d to %d", next, after)
				}
				records, _ := decodeAll(&a)
				for _, r := range records {
					_ = append(append([]byte{}, r.Key...), r.Value...)
				}
			}
		}
	})
}

func FuzzParseFetch(f *testing.F) {
	f.Add(body(0, set(0)))
	f.Add(body(3, nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, set, _, err := parseFetch(body); err == nil && len(set) > len(body) {
			t.Error("more records than bytes")
		}
	})
}
