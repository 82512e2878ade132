package registry

import (
	"database/sql"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var results = kind[pipeline.Result]{
	noun: "result", table: "results",
	columns: []string{"deployment", "configuration", "model", "datasource", "attempt", "status", "parent", "verifying"},
	values: func(r *pipeline.Result) []any {
		return []any{sql.NullInt64{Int64: r.Deployment, Valid: r.Deployment != 0}, r.Configuration, r.Model, r.Datasource, r.Attempt, string(r.Status), r.Parent, verifying(r)}
	},
	search: func(r *pipeline.Result) []string { return []string{r.ModelName, r.Reason} },
	id:     func(r *pipeline.Result) *int64 { return &r.ID },
	strip:  func(r *pipeline.Result) { r.Aliases, r.Tags = nil, nil },
	fill:   fillNames,
	by: map[string]string{
		"deployment": "deployment = ?", "configuration": "configuration = ?",
		"model": "model = ?", "datasource": "datasource = ?", "parent": "parent = ?", "verifying": "verifying = ?",
		"trials": "? = 1 AND deployment IN (SELECT deployment FROM studies WHERE status = 'running')",
	},
	texts:  map[string]func(string) (string, []any, error){"tag": byTag, "alias": byAlias},
	states: pipeline.Words(pipeline.ResultStatus("")),
}

// verifying is 1 while a verification of r is under way, else 0.
func verifying(r *pipeline.Result) int64 {
	if r.Verification.Active() {
		return 1
	}
	return 0
}

// ReserveResult gives an id that no other result will have, as ReserveModel
// does.
func (tx *Tx) ReserveResult() (int64, error) { return tx.next(results.noun, 1) }

// CreateResult stores r and sets ID, Created and StatusChanged, and Status to
// waiting where it is empty. A deployment or a model that does not exist is
// Invalid. That of an imported model has no deployment, is finished, and may have
// an ID that was reserved.
func (tx *Tx) CreateResult(r *pipeline.Result) error {
	if r.Imported == nil {
		r.ID = 0
		if err := deployments.refers(tx, "deployment", r.Deployment); err != nil {
			return err
		}
	} else if r.Deployment != 0 || r.Status != pipeline.ResultFinished {
		return pipeline.Invalidf("imported", "an imported model is finished and of no deployment")
	}
	if err := models.refers(tx, "model", r.Model); err != nil {
		return err
	}
	if r.Status == "" {
		r.Status = pipeline.ResultWaiting
	}
	r.Created = now()
	r.StatusChanged = r.Created
	if err := results.insert(tx, r); err != nil {
		return err
	}
	return tx.sumUp(r.Deployment)
}

// Result gives one result.
func (tx *Tx) Result(id int64) (pipeline.Result, error) { return results.get(tx, id) }

// Results lists results; filters: "deployment", "configuration", "model",
// "datasource", "parent", "verifying", which is 1 or 0, and "trials", which is 1: of
// studies that run; and the texts "tag" and "alias".
func (tx *Tx) Results(q Query) (Page[pipeline.Result], error) { return results.list(tx, q) }

// FirstResults gives the oldest result of each model of a deployment, the oldest first.
func (tx *Tx) FirstResults(deployment int64) (first []pipeline.Result, err error) {
	err = tx.each(func(read func(...any) error) error {
		r, err := results.decode(read)
		if err == nil {
			first = append(first, *r)
		}
		return err
	}, "SELECT body FROM results WHERE id IN (SELECT MIN(id) FROM results WHERE deployment = ? GROUP BY model) ORDER BY id", deployment)
	if err != nil {
		return nil, fmt.Errorf("read the first results of deployment %d: %w", deployment, err)
	}
	return first, nil
}

// CountResults counts the results by status.
func (tx *Tx) CountResults() (map[string]int64, error) {
	counts := map[string]int64{}
	err := tx.each(func(read func(...any) error) error {
		var status string
		var n int64
		err := read(&status, &n)
		counts[status] = n
		return err
	}, "SELECT status, COUNT(*) FROM results GROUP BY status")
	if err != nil {
		return nil, fmt.Errorf("count results: %w", err)
	}
	return counts, nil
}

// UpdateResult stores r over the result with its id. A new Status must be one
// that the old one can become, else it is a Conflict, and sets StatusChanged.
// A higher Attempt drops the epochs of those before.
func (tx *Tx) UpdateResult(r *pipeline.Result) error {
	old, err := results.get(tx, r.ID)
	if err != nil {
		return err
	}
	if r.Attempt < old.Attempt {
		return &pipeline.Error{
			Kind: pipeline.Conflict, Field: "attempt",
			Reason: fmt.Sprintf("result %d is at attempt %d, past %d", r.ID, old.Attempt, r.Attempt),
		}
	}
	r.Created, r.StatusChanged = old.Created, old.StatusChanged
	if r.Status != old.Status {
		if !old.Status.CanBecome(r.Status) {
			return &pipeline.Error{
				Kind: pipeline.Conflict, Field: "status",
				Reason: fmt.Sprintf("result %d is %s and cannot become %s", r.ID, old.Status, r.Status),
			}
		}
		r.StatusChanged = now()
	}
	if err := results.replace(tx, r); err != nil {
		return err
	}
	if r.Attempt > old.Attempt {
		if err := tx.exec("DELETE FROM epochs WHERE result = ? AND attempt < ?", r.ID, r.Attempt); err != nil {
			return fmt.Errorf("drop epochs of result %d: %w", r.ID, err)
		}
	}
	return tx.sumUp(r.Deployment)
}

// unneeded refuses, as InUse, to delete what holds parents r, chosen by where, of
// trainings c that are yet to go on from them.
func (tx *Tx) unneeded(what, where string, id int64) error {
	users, err := tx.users("result", fmt.Sprintf(`SELECT c.id, '' FROM results c JOIN results r ON r.id = c.parent
		WHERE %s AND c.status IN ('%s', '%s', '%s') ORDER BY c.id`,
		where, pipeline.ResultWaiting, pipeline.ResultScheduled, pipeline.ResultRunning), id)
	if err != nil {
		return err
	}
	return inUse(what, id, users, "stop the trainings that go on from it first, or let them end")
}

// DeleteResult deletes a result with its epochs and log. It is refused as InUse
// while an inference serves it, an alias names it or a training is to go on from it,
// and as a Conflict while it is active: its Job must be stopped first. Artifacts are
// the caller's to delete.
func (tx *Tx) DeleteResult(id int64) error {
	r, err := results.get(tx, id)
	if err != nil {
		return err
	}
	if r.Status.Active() {
		return &pipeline.Error{
			Kind: pipeline.Conflict, Field: "id",
			Reason: fmt.Sprintf("result %d is %s", id, r.Status), Hint: "stop it first",
		}
	}
	users, err := tx.users("inference", "SELECT id, name FROM inferences WHERE ? IN (result, challenger) ORDER BY id", id)
	if err != nil {
		return err
	}
	if err := inUse("result", id, users, "delete the inferences first, or let them serve another result"); err != nil {
		return err
	}
	if err := tx.aliased("result", id, "r.id"); err != nil {
		return err
	}
	if err := tx.unneeded("result", "r.id = ?", id); err != nil {
		return err
	}
	if err := results.remove(tx, id); err != nil {
		return err
	}
	return tx.sumUp(r.Deployment)
}
