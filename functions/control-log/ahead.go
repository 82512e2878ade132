package controllog

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	// mostAhead bounds the records of one reading ahead, and so their transaction.
	mostAhead = 256
	// aheadLast is for how long what was read ahead is taken to be what the topic
	// holds, which may be made anew.
	aheadLast = 5 * time.Second
)

// ahead remembers the datasources of records that were read ahead, until these are
// delivered. What it forgets is found in the registry.
type ahead struct {
	mu    sync.Mutex
	until time.Time
	at    map[pipeline.Origin]early // by topic, partition and offset alone
}

// early is a record whose datasource was made before it was delivered.
type early struct {
	value      []byte
	datasource pipeline.Datasource
}

func placeOf(r stream.Record) pipeline.Origin {
	return pipeline.Origin{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
}

// take gives the datasource of a record that was read ahead, once. A dead letter
// is looked at closely.
func (a *ahead) take(r stream.Record, dead bool) (pipeline.Datasource, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.at[placeOf(r)]
	if !ok || dead || time.Now().After(a.until) || !bytes.Equal(e.value, r.Value) {
		return pipeline.Datasource{}, false
	}
	delete(a.at, placeOf(r))
	return e.datasource, true
}

func (a *ahead) put(began time.Time, at map[pipeline.Origin]early) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until, a.at = began.Add(aheadLast), at
}

// readAhead makes datasources of the records behind one that had no effect, in one
// transaction, as far as they have none either. A producer that sends one message
// without an end would otherwise hold up those of others. The records are delivered
// all the same.
func (s *Service) readAhead(ctx context.Context, behind []stream.Record, first pipeline.Origin) {
	began := time.Now()
	read := map[message]pipeline.Datasource{}
	behind = s.idleOnes(ctx, behind[:min(len(behind), mostAhead)], read)
	if len(behind) == 0 {
		return
	}
	at := map[pipeline.Origin]early{}
	err := s.Store.Do(ctx, func(tx *registry.Tx) error {
		clear(at)
		return storeAhead(tx, behind, first, read, at)
	})
	if err != nil {
		s.Log.WarnContext(ctx, "control messages were not read ahead", "topic", first.Topic, "partition", first.Partition, "offset", first.Offset, "error", err)
		return
	}
	for _, e := range at {
		if e.datasource.Rejected != nil {
			s.logRefused(ctx, e.datasource)
		}
	}
	s.ahead.put(began, at)
}

// message tells a control message from another: its key and its value.
type message [2]string

func textOf(r stream.Record) message { return message{string(r.Key), string(r.Value)} }

// idleOnes gives the records at the front that have no effect, and what their
// messages say, each read once.
func (s *Service) idleOnes(ctx context.Context, records []stream.Record, read map[message]pipeline.Datasource) []stream.Record {
	for i, r := range records {
		m := textOf(r)
		if _, ok := read[m]; ok {
			continue
		}
		d, err := s.read(ctx, r.Key, r.Value)
		idle := false
		if err == nil {
			idle, err = registry.Read(ctx, s.Store, func(tx *registry.Tx) (bool, error) { return isIdle(tx, &d) })
		}
		if err != nil || !idle { // an error is met again when the record is delivered
			return records[:i]
		}
		read[m] = d
	}
	return records
}

// isIdle reports whether a message has no effect beside its datasource: it was
// refused, or, which is then kept with it, its deployment has trained on its stream
// already.
func isIdle(tx *registry.Tx, d *pipeline.Datasource) (idle bool, err error) {
	if d.Rejected != nil {
		return true, nil
	}
	d.Unused, err = tx.Repeated(*d)
	return d.Unused != nil, err
}

// storeAhead stores the datasources of records from the topic of first, up to one
// that has an effect by now.
func storeAhead(tx *registry.Tx, records []stream.Record, first pipeline.Origin, read map[message]pipeline.Datasource, at map[pipeline.Origin]early) error {
	known := map[message]bool{}
	for _, r := range records {
		m := textOf(r)
		d := read[m]
		if !known[m] {
			if idle, err := isIdle(tx, &d); err != nil || !idle {
				return err
			}
			read[m], known[m] = d, true
		}
		r.Topic = first.Topic
		key := d.Origin.Key
		d.Origin = originOf(r, first.TopicID)
		d.Origin.Key = key
		stored, err := store(tx, d)
		if err != nil {
			return err
		}
		at[placeOf(r)] = early{r.Value, stored}
	}
	return nil
}
