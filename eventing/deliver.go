package eventing

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// deliverer POSTs records as events, with the retries of their source.
type deliverer struct {
	d         *Dispatcher
	namespace string
	name      string // the events' source attribute, less the topic
	keyType   string
	overrides map[string]string
	fixed     string // headers of all plain records; "" where none is sent as one
	sink      Destination
	dead      *Destination
	retries   retries
	token     string // bearer token; empty: none
	log       *slog.Logger
}

func newDeliverer(d *Dispatcher, s KafkaSource, log *slog.Logger) *deliverer {
	namespace := cmp.Or(s.Metadata.Namespace, "default")
	x := &deliverer{
		d: d, namespace: namespace, name: SourceName(namespace, s.Metadata.Name), keyType: s.Metadata.Labels[KeyTypeLabel],
		sink: s.Spec.Sink, log: log,
	}
	if d.token != nil {
		x.token = d.token(s)
	}
	x.retries, _ = s.Spec.retries() // Apply has validated it
	if s.Spec.Overrides != nil {
		x.overrides = s.Spec.Overrides.Extensions
	}
	if s.Spec.Delivery != nil {
		x.dead = s.Spec.Delivery.DeadLetterSink
	}
	x.fixed = x.ofAll()
	return x
}

// deliver returns true once the record is dealt with: accepted, dead-lettered,
// or, as with Knative, given up where there is no dead-letter sink. It returns
// false when ctx ended first: a try under way ends with tries, no other begins.
func (x *deliverer) deliver(ctx, tries context.Context, r stream.Record) bool {
	e := parcel{plain: x.plainly(&r)}
	if e.plain == nil {
		e = x.wrap(r)
	}
	failure := x.send(ctx, tries, e, x.sink)
	if failure == nil {
		return true
	}
	if errors.Is(failure, errStopped) {
		return false
	}
	log := x.log.With("topic", r.Topic, "partition", r.Partition, "offset", r.Offset)
	if x.dead == nil {
		log.Error("a record was given up: its sink does not accept it and there is no dead-letter sink", "error", failure)
		return true
	}
	log.Warn("a record goes to the dead-letter sink", "error", failure)
	e = x.wrap(r)
	markDead(&e.Event, failure)
	err := x.send(ctx, tries, e, *x.dead)
	if err != nil && !errors.Is(err, errStopped) { // nor can it be carried there
		err = x.send(ctx, tries, parcel{Event: place(r, x.name, failure)}, *x.dead)
	}
	if errors.Is(err, errStopped) {
		return false
	}
	if err != nil {
		log.Error("a record was given up: neither its sink nor the dead-letter sink accept it", "error", err)
	}
	return true
}

// parcel is an event, and the content type of its record, of whatever form; or a
// record whose event is not made, see plainly.
type parcel struct {
	event.Event
	contentType string
	plain       *stream.Record
}

// wrap makes the event of a record.
func (x *deliverer) wrap(r stream.Record) parcel {
	e := parcel{Event: FromRecord(r, x.name, x.keyType), contentType: contentType(r)}
	for name, v := range x.overrides {
		e.SetExtension(name, v)
	}
	return e
}

// data is what is in it.
func (p *parcel) data() []byte {
	if p.plain != nil {
		return p.plain.Value
	}
	return p.Data()
}

// contentType is what a record says of its value.
func contentType(r stream.Record) (value string) {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Key, "content-type") {
			value = string(h.Value)
		}
	}
	return value
}

// UndeliveredExtension of an event says why a record could not be delivered. Such
// an event tells the record's place alone: the log has the rest.
const UndeliveredExtension = "kafkamlundelivered"

// place is the event of a record that cannot be carried, for a dead-letter sink.
func place(r stream.Record, source string, why error) event.Event {
	r.Headers, r.Key, r.Value = nil, nil, nil
	e := FromRecord(r, source, KeyByteArray)
	const shown = 1 << 10
	text := why.Error()
	e.SetExtension(UndeliveredExtension, strings.ToValidUTF8(text[:min(len(text), shown)], ""))
	markDead(&e, &failure{url: source})
	return e
}

// failure is the answer, or the lack of one, that ended the tries.
type failure struct {
	url    string
	status int // 0: none
	body   string
	err    error
	final  bool // trying again would change nothing
}

// Error says it in words.
func (f *failure) Error() string {
	if f.err != nil {
		return f.url + ": " + f.err.Error()
	}
	return fmt.Sprintf("%s answered %d %s: %s", f.url, f.status, http.StatusText(f.status), f.body)
}

// Unwrap gives the cause.
func (f *failure) Unwrap() error { return f.err }

// markDead adds the extensions by which Knative says why an event is dead: the
// code where there was an answer, and its body in base64.
func markDead(e *event.Event, err error) {
	var f *failure
	if !errors.As(err, &f) {
		return
	}
	e.SetExtension("knativeerrordest", f.url)
	if f.status != 0 {
		e.SetExtension("knativeerrorcode", strconv.Itoa(f.status))
	}
	if f.body != "" {
		e.SetExtension("knativeerrordata", base64.StdEncoding.EncodeToString([]byte(f.body)))
	}
}

// send tries until a sink accepts the event, refuses it, or the retries are used
// up. While nobody serves the destination it waits, which is no try.
func (x *deliverer) send(ctx, tries context.Context, e parcel, to Destination) error {
	for n := 0; ; {
		urls := x.d.resolve(to)
		if len(urls) == 0 {
			if err := pause(ctx, unservedWait); err != nil {
				return err
			}
			continue
		}
		f := x.post(tries, e, urls[n%len(urls)])
		if f == nil {
			return nil
		}
		if tries.Err() != nil {
			return errStopped
		}
		if f.final || n >= x.retries.max {
			return f
		}
		n++
		if err := pause(ctx, x.retries.wait(n)); err != nil {
			return x.lastTry(tries, e, to)
		}
	}
}

// Batches are as large as a sink answers quickly. The smallest, as many as may be under
// way, are about as many records as when each goes alone.
const (
	firstBatch = 8
	quickBatch = 200 * time.Millisecond // after which the next one is twice as large
	slowBatch  = time.Second            // and half as large
)

// mostTogether is how many of n records that wait a request to the sink may hold: as
// many as share them out among its replicas, and as each of them takes.
func (x *deliverer) mostTogether(n int) int {
	if n == 1 {
		return 1
	}
	urls := x.d.resolve(x.sink)
	if len(urls) == 0 {
		return 1
	}
	most := min(MostBatched, (n+len(urls)-1)/len(urls))
	for _, url := range urls {
		to, err := x.d.links.endpoint(url)
		if err != nil {
			return 1
		}
		most = min(most, int(to.batch.Load()))
	}
	return max(most, 1)
}

// deliverBatch reports whether the sink has dealt with records that go plainly, sent in
// one request. Where it has not, it gets no more of them until it offers that anew: what
// a try of theirs meets, each is to meet by itself.
func (x *deliverer) deliverBatch(tries context.Context, records []stream.Record) bool {
	for _, url := range x.d.resolve(x.sink) {
		to, err := x.d.links.endpoint(url)
		if err != nil || to.batch.Load() == 0 {
			continue
		}
		memory := requests.Get().(*[]byte)
		defer requests.Put(memory)
		body := x.appendBatch((*memory)[:0], records)
		*memory = body
		began := time.Now()
		f := x.exchange(tries, to, x.batchHead(to, len(body)), body)
		if f != nil {
			to.batch.Store(0)
			x.log.Debug("a batch of records is delivered one by one", "records", len(records), "error", f)
			return false
		}
		to.paced(len(records), time.Since(began))
		return true
	}
	return false
}

// paced fits the size of batches to how long one of n records took.
func (e *endpoint) paced(n int, took time.Duration) {
	size := e.batch.Load()
	next := size
	switch {
	case took > slowBatch:
		next = max(size/2, firstBatch)
	case took < quickBatch && n >= int(size):
		next = min(2*size, MostBatched)
	}
	e.batch.CompareAndSwap(size, next)
}

// lastTry is made when the assignment ends while the event waits for its next
// try: a record that is left undone is delivered again with all that follow it.
func (x *deliverer) lastTry(ctx context.Context, e parcel, to Destination) error {
	for _, url := range x.d.resolve(to) {
		if x.post(ctx, e, url) == nil {
			return nil
		}
	}
	return errStopped
}

// unservedWait is the pause before a destination without a URL is looked up
// again.
const unservedWait = 20 * time.Millisecond

// oneWrite is how large a request may be to be written at once, in bytes.
const oneWrite = 64 << 10

// requests holds the memory of requests that were sent.
var requests = sync.Pool{New: func() any { return new([]byte) }}

// post tries once.
func (x *deliverer) post(ctx context.Context, e parcel, url string) *failure {
	to, err := x.d.links.endpoint(url)
	if err != nil {
		return &failure{url: url, err: err, final: true}
	}
	memory := requests.Get().(*[]byte)
	defer requests.Put(memory)
	head := (*memory)[:0]
	if e.plain != nil {
		head = x.appendPlain(head, to, e.plain)
	} else {
		head, err = appendRequest(head, to, x.namespace, x.token, e)
	}
	if err != nil { // nothing that another try would change
		return &failure{url: url, err: err, final: true}
	}
	data := e.data()
	if len(head)+len(data) <= oneWrite {
		head, data = append(head, data...), nil
		*memory = head
	}
	return x.exchange(ctx, to, head, data)
}

// exchange sends a request to a sink, and gives what it answered where it did not
// accept it.
func (x *deliverer) exchange(ctx context.Context, to *endpoint, head, body []byte) *failure {
	status, text, err := x.d.links.post(ctx, to, head, body, x.retries.timeout)
	if err != nil {
		return &failure{url: to.url, err: err}
	}
	if status < 300 {
		return nil
	}
	return &failure{url: to.url, status: status, body: string(text), final: !Retryable(status)}
}
