package stream

import "time"

// decoder makes Records of an answer, a number of them at a time: so the memory
// that they take beside their bytes stays small, and is used again while it is
// near the processor.
type decoder struct {
	topic     string
	partition int
	names     map[string]string // keys of headers that were seen
	records   []Record
	headers   []Header // of all records

	answer *answer
	run    int    // the place of the next run
	rest   cursor // what is left of the one before
	left   int    // records of it
}

// begin has the decoder go on with an answer.
func (d *decoder) begin(a *answer) { d.answer, d.run, d.rest, d.left = a, 0, cursor{}, 0 }

// The bytes that a Record and a Header take beside what they point to.
const (
	recordSize = 128
	headerSize = 40
)

// decode gives the next records, at least one and as many as take so many bytes
// beside their own; none at the end of the answer. They are valid until the next
// call.
func (d *decoder) decode(bytes int64) ([]Record, error) {
	d.records, d.headers = d.records[:0], d.headers[:0]
	for d.left > 0 || d.run < len(d.answer.runs) {
		if d.left == 0 {
			r := &d.answer.runs[d.run]
			d.rest, d.left = cursor{rest: r.records}, r.count
			d.run++
		}
		if err := d.some(&d.answer.runs[d.run-1], bytes); err != nil {
			return nil, err
		}
		if d.taken() >= bytes {
			break
		}
	}
	return d.records, nil
}

// forget drops what the Records that were given point to.
func (d *decoder) forget() {
	clear(d.records[:cap(d.records)])
	clear(d.headers[:cap(d.headers)])
}

func (d *decoder) taken() int64 {
	return int64(len(d.records))*recordSize + int64(len(d.headers))*headerSize
}

// some appends records of a run until it ends or they take so many bytes.
func (d *decoder) some(r *run, bytes int64) error {
	for ; d.left > 0 && d.taken() < bytes; d.left-- {
		one := cursor{rest: d.rest.bytes()}
		one.skip(1) // attributes, of which there are none
		at := r.firstTime + one.varint()
		if r.flags&logAppendTime != 0 {
			at = r.mostTime
		}
		offset := r.offset + one.varint()
		if offset < r.from && !one.short {
			continue
		}
		record := Record{
			Topic: d.topic, Partition: d.partition, Offset: offset, Time: time.UnixMilli(at),
			Key: one.bytes(), Value: one.bytes(),
		}
		if record.Headers = d.readHeaders(&one); one.short || len(one.rest) > 0 {
			return errBroken
		}
		d.records = append(d.records, record)
	}
	return nil
}

// readHeaders reads the headers of a record.
func (d *decoder) readHeaders(c *cursor) []Header {
	n := c.varint()
	if n <= 0 {
		c.short = c.short || n < 0
		return nil
	}
	from := len(d.headers)
	for range n {
		key, value := c.bytes(), c.bytes()
		if c.short {
			return nil
		}
		d.headers = append(d.headers, Header{Key: d.name(key), Value: value})
	}
	return d.headers[from:len(d.headers):len(d.headers)]
}

// name makes a string of a header's key. A stream has few different ones: they
// are remembered, up to a number that nobody can make large.
func (d *decoder) name(key []byte) string {
	const most = 64
	if name, ok := d.names[string(key)]; ok {
		return name
	}
	name := string(key)
	if d.names == nil {
		d.names = map[string]string{}
	}
	if len(d.names) < most && len(name) < 256 {
		d.names[name] = name
	}
	return name
}
