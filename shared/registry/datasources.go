package registry

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// DatasourceRejected is the Query.Status of refused datasources; that of the
// others is the state of their retention.
const DatasourceRejected = "rejected"

var datasources = kind[pipeline.Datasource]{
	noun: "datasource", table: "datasources",
	columns: []string{"deployment", "resend_of", "status", "origin_topic", "origin_partition", "origin_offset", "stream"},
	values:  datasourceColumns,
	search:  datasourceWords,
	id:      func(d *pipeline.Datasource) *int64 { return &d.ID },
	strip:   func(*pipeline.Datasource) {},
	fill:    func(*Tx, []*pipeline.Datasource) error { return nil },
	by:      map[string]string{"deployment": "deployment = ?", "datasource": "resend_of = ?"},
	states:  append(pipeline.Words(pipeline.RetentionState("")), DatasourceRejected),
}

func datasourceColumns(d *pipeline.Datasource) []any {
	status := string(d.Retention.State)
	if d.Rejected != nil {
		status = DatasourceRejected
	}
	if d.Origin.Topic == "" { // NULL is unlike any other NULL: many may have no origin
		return []any{d.Deployment, d.ResendOf, status, nil, nil, nil, streamOf(*d)}
	}
	return []any{d.Deployment, d.ResendOf, status, originTopic(d.Origin), d.Origin.Partition, d.Origin.Offset, streamOf(*d)}
}

// streamOf is the same of datasources that are the same stream, and of few others.
func streamOf(d pipeline.Datasource) string {
	sum := sha256.Sum256(fmt.Append(nil, d.Ranges))
	return hex.EncodeToString(sum[:])
}

// originTopic tells the topic of a control record from one of that name that was
// there before. Earlier versions did not know the id; a name holds no slash.
func originTopic(o pipeline.Origin) string {
	if o.TopicID == "" {
		return o.Topic
	}
	return o.Topic + "/" + o.TopicID
}

func datasourceWords(d *pipeline.Datasource) []string {
	words := []string{d.Description, string(d.InputFormat)}
	words = append(words, d.Topics()...)
	if d.Rejected != nil {
		words = append(words, d.Rejected.Field, d.Rejected.Reason)
	}
	return words
}

// CreateDatasource stores d and sets ID, and Received where it is zero. A
// second one from the same control record is a Conflict: look for the first
// with DatasourceFrom.
func (tx *Tx) CreateDatasource(d *pipeline.Datasource) error {
	if first, found, err := tx.DatasourceFrom(d.Origin); err != nil {
		return err
	} else if found {
		return &pipeline.Error{
			Kind: pipeline.Conflict, Field: "origin",
			Reason: fmt.Sprintf("datasource %d already stands for offset %d of partition %d of %s", first.ID, d.Origin.Offset, d.Origin.Partition, d.Origin.Topic),
		}
	}
	d.ID = 0
	if d.Received.IsZero() {
		d.Received = now()
	}
	return datasources.insert(tx, d)
}

// Datasource gives one datasource.
func (tx *Tx) Datasource(id int64) (pipeline.Datasource, error) { return datasources.get(tx, id) }

// DatasourceFrom finds the datasource that came from a control record.
func (tx *Tx) DatasourceFrom(o pipeline.Origin) (d pipeline.Datasource, found bool, err error) {
	if o.Topic == "" {
		return d, false, nil
	}
	x, err := datasources.decode(tx.row(`SELECT body FROM datasources
		WHERE origin_topic = ? AND origin_partition = ? AND origin_offset = ?`, originTopic(o), o.Partition, o.Offset).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("look for a datasource by its origin: %w", err)
	}
	return *x, true, nil
}

// DatasourceBefore gives the last offset before that of a control record, in its
// partition, from which a datasource came; found is false where none did.
func (tx *Tx) DatasourceBefore(o pipeline.Origin) (offset int64, found bool, err error) {
	var last sql.NullInt64
	err = tx.row(`SELECT MAX(origin_offset) FROM datasources
		WHERE origin_topic = ? AND origin_partition = ? AND origin_offset < ?`, originTopic(o), o.Partition, o.Offset).Scan(&last)
	if err != nil {
		return 0, false, fmt.Errorf("look for the datasource before: %w", err)
	}
	return last.Int64, last.Valid, nil
}

// Datasources lists datasources; filters: "deployment", "datasource" (those
// sent again from it). Query.Status is DatasourceRejected or a RetentionState.
func (tx *Tx) Datasources(q Query) (Page[pipeline.Datasource], error) {
	return datasources.list(tx, q)
}

// UpdateDatasource stores d over the datasource with its id; Origin and
// Received stay what they were.
func (tx *Tx) UpdateDatasource(d *pipeline.Datasource) error {
	old, err := datasources.get(tx, d.ID)
	if err != nil {
		return err
	}
	d.Origin, d.Received = old.Origin, old.Received
	return datasources.replace(tx, d)
}

// DeleteDatasource deletes a datasource; the stream in the log is not touched.
// It is refused as InUse while results were trained on it.
func (tx *Tx) DeleteDatasource(id int64) error {
	if _, err := datasources.get(tx, id); err != nil {
		return err
	}
	users, err := tx.users("result", "SELECT id, '' FROM results WHERE datasource = ? ORDER BY id", id)
	if err != nil {
		return err
	}
	if err := inUse("datasource", id, users, "delete the results first"); err != nil {
		return err
	}
	return datasources.remove(tx, id)
}
