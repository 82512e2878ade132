package registry

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var studies = kind[pipeline.Study]{
	noun: "study", table: "studies", columns: []string{"configuration", "deployment", "status"},
	values: func(s *pipeline.Study) []any { return []any{s.Configuration, s.Deployment, string(s.Status)} },
	search: func(s *pipeline.Study) []string { return []string{s.ModelNames(), s.Objective, s.Description} },
	id:     func(s *pipeline.Study) *int64 { return &s.ID },
	strip:  func(*pipeline.Study) {},
	fill:   func(*Tx, []*pipeline.Study) error { return nil },
	by:     map[string]string{"configuration": "configuration = ?", "deployment": "deployment = ?"},
	states: pipeline.Words(pipeline.StudyStatus("")),
}

// CreateStudy stores s, which is normalized, with a deployment for its trials, and
// sets both ids, Created and StatusChanged, and Status to waiting.
func (tx *Tx) CreateStudy(s *pipeline.Study, d *pipeline.Deployment) error {
	id, err := tx.next(studies.noun, 1)
	if err != nil {
		return err
	}
	d.Study = id
	if err := tx.CreateDeployment(d); err != nil {
		return err
	}
	s.ID, s.Deployment, s.Status, s.Created = id, d.ID, pipeline.StudyWaiting, d.Created
	s.StatusChanged = s.Created
	return studies.insert(tx, s)
}

// Study gives one study.
func (tx *Tx) Study(id int64) (pipeline.Study, error) { return studies.get(tx, id) }

// Studies lists studies; filters: "configuration", "deployment".
func (tx *Tx) Studies(q Query) (Page[pipeline.Study], error) { return studies.list(tx, q) }

// UpdateStudy stores s over the study with its id. A study that has ended keeps its
// Status: another one is a Conflict.
func (tx *Tx) UpdateStudy(s *pipeline.Study) error {
	old, err := studies.get(tx, s.ID)
	if err != nil {
		return err
	}
	s.Created, s.StatusChanged = old.Created, old.StatusChanged
	if s.Status != old.Status {
		if old.Status.Ended() {
			return &pipeline.Error{Kind: pipeline.Conflict, Field: "status", Reason: fmt.Sprintf("study %d is %s already", s.ID, old.Status)}
		}
		s.StatusChanged = now()
		if s.Status == pipeline.StudyRunning {
			s.Started = &s.StatusChanged
		} else {
			s.Ended = &s.StatusChanged
		}
	}
	return studies.replace(tx, s)
}

// DeleteStudy deletes a study with its deployment and results, where
// DeleteDeployment does; a study that is running is a Conflict.
func (tx *Tx) DeleteStudy(id int64) error {
	s, err := studies.get(tx, id)
	if err != nil {
		return err
	}
	if s.Status == pipeline.StudyRunning {
		return &pipeline.Error{Kind: pipeline.Conflict, Field: "id", Reason: fmt.Sprintf("study %d is running", id), Hint: "stop it first"}
	}
	if err := studies.remove(tx, id); err != nil {
		return err
	}
	return tx.DeleteDeployment(s.Deployment)
}

// Sampler gives what the sampler of a study goes on from, nil before its first
// trial.
func (tx *Tx) Sampler(study int64) ([]byte, error) {
	var body string
	err := tx.row("SELECT body FROM samplers WHERE study = ?", study).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the sampler of study %d: %w", study, err)
	}
	return []byte(body), nil
}

// SetSampler stores what the sampler of a study goes on from.
func (tx *Tx) SetSampler(study int64, body []byte) error {
	err := tx.exec("INSERT INTO samplers (study, body) VALUES (?, ?) ON CONFLICT (study) DO UPDATE SET body = excluded.body", study, string(body))
	if err != nil {
		return fmt.Errorf("store the sampler of study %d: %w", study, err)
	}
	return nil
}

// EpochsOf gives what the results of a deployment reported of one epoch, by
// result: those of the present attempts.
func (tx *Tx) EpochsOf(deployment int64, epoch int) (map[int64]pipeline.Epoch, error) {
	found := map[int64]pipeline.Epoch{}
	err := tx.each(func(read func(...any) error) error {
		var id int64
		e, err := decodeEpoch(func(body *string) error { return read(&id, body) })
		found[id] = e
		return err
	}, `SELECT r.id, e.body FROM results r JOIN epochs e ON e.result = r.id AND e.attempt = r.attempt
		WHERE r.deployment = ? AND e.epoch = ?`, deployment, epoch)
	if err != nil {
		return nil, fmt.Errorf("read epoch %d of the results of deployment %d: %w", epoch, deployment, err)
	}
	return found, nil
}
