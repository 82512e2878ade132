package registry

import (
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var deployments = kind[pipeline.Deployment]{
	noun: "deployment", table: "deployments", columns: []string{"configuration", "status", "scheduled"},
	values: func(d *pipeline.Deployment) []any {
		return []any{d.Configuration, string(d.Status), scheduled(d)}
	},
	search: func(d *pipeline.Deployment) []string { return []string{d.Description} },
	id:     func(d *pipeline.Deployment) *int64 { return &d.ID },
	strip:  func(d *pipeline.Deployment) { d.Results, d.LastRejection, d.Place = nil, nil, 0 },
	fill:   fillDeployments,
	by:     map[string]string{"configuration": "configuration = ?", "scheduled": "scheduled = ?"},
	states: pipeline.Words(pipeline.DeploymentStatus("")),
}

// scheduled is 1 where d trains again by itself, else 0.
func scheduled(d *pipeline.Deployment) int64 {
	if d.Scheduled() {
		return 1
	}
	return 0
}

// fillDeployments reads the results of each deployment, sums up their states,
// and reads why the last stream that named it was refused or trained nothing.
func fillDeployments(tx *Tx, ds []*pipeline.Deployment) error {
	if err := fillResults(tx, ds); err != nil {
		return err
	}
	of, ids := byID(ds)
	err := tx.eachOf(ids, func(read func(...any) error) error {
		last, err := datasources.decode(read)
		if err != nil {
			return err
		}
		for _, why := range []*pipeline.Rejection{last.Unused, last.Rejected} {
			if why != nil {
				of[last.Deployment].LastRejection = &pipeline.StreamRejection{Datasource: last.ID, Rejection: *why}
			}
		}
		return nil
	}, `SELECT s.body FROM deployments d JOIN datasources s
		ON s.id = (SELECT MAX(id) FROM datasources WHERE deployment = d.id) WHERE d.id IN (%s)`)
	if err != nil {
		return fmt.Errorf("read the last streams of deployments: %w", err)
	}
	return nil
}

// fillResults reads the results of each deployment and sums up their states.
func fillResults(tx *Tx, ds []*pipeline.Deployment) error {
	of, ids := byID(ds)
	for _, d := range ds {
		d.Results = []int64{}
	}
	states := make(map[int64][]pipeline.ResultStatus, len(ds))
	err := tx.eachOf(ids, func(read func(...any) error) error {
		var deployment, result int64
		var status pipeline.ResultStatus
		if err := read(&deployment, &result, &status); err != nil {
			return err
		}
		of[deployment].Results = append(of[deployment].Results, result)
		states[deployment] = append(states[deployment], status)
		return nil
	}, "SELECT deployment, id, status FROM results WHERE deployment IN (%s) ORDER BY id")
	if err != nil {
		return fmt.Errorf("read results of deployments: %w", err)
	}
	for _, d := range ds {
		d.Status = pipeline.DeploymentOf(states[d.ID])
	}
	return nil
}

func byID(ds []*pipeline.Deployment) (of map[int64]*pipeline.Deployment, ids []int64) {
	of, ids = make(map[int64]*pipeline.Deployment, len(ds)), make([]int64, len(ds))
	for i, d := range ds {
		of[d.ID], ids[i] = d, d.ID
	}
	return of, ids
}

// sumUp stores the state of a deployment where lists look for it; 0 is of
// imported results, which have none.
func (tx *Tx) sumUp(deployment int64) error {
	if deployment == 0 {
		return nil
	}
	d := &pipeline.Deployment{ID: deployment}
	if err := fillResults(tx, []*pipeline.Deployment{d}); err != nil {
		return err
	}
	return tx.exec("UPDATE deployments SET status = ? WHERE id = ?", string(d.Status), deployment)
}

// CreateDeployment stores d, normalized, and sets ID, Created and Updated. A
// member out of range, or a configuration that does not exist, is Invalid.
func (tx *Tx) CreateDeployment(d *pipeline.Deployment) error {
	if err := d.Normalize(); err != nil {
		return err
	}
	if err := configurations.refers(tx, "configuration", d.Configuration); err != nil {
		return err
	}
	d.ID, d.Created, d.Status = 0, now(), pipeline.DeploymentWaiting
	d.Updated = d.Created
	return deployments.insert(tx, d)
}

// Deployment gives one deployment with the state that follows from its results.
func (tx *Tx) Deployment(id int64) (pipeline.Deployment, error) { return deployments.get(tx, id) }

// Deployments lists deployments; filters: "configuration", and "scheduled", which is 1
// or 0.
func (tx *Tx) Deployments(q Query) (Page[pipeline.Deployment], error) {
	return deployments.list(tx, q)
}

// UpdateDeployment stores d, normalized, over the deployment with its id.
// Status, Results and LastRejection follow from results and datasources and are
// not taken from d.
func (tx *Tx) UpdateDeployment(d *pipeline.Deployment) error {
	old, err := deployments.get(tx, d.ID)
	if err != nil {
		return err
	}
	if err := d.Normalize(); err != nil {
		return err
	}
	if err := configurations.refers(tx, "configuration", d.Configuration); err != nil {
		return err
	}
	d.Created, d.Updated, d.Status = old.Created, now(), old.Status
	return deployments.replace(tx, d)
}

// DeleteDeployment deletes a deployment with its results. It is refused as
// InUse while an inference serves one of them or an alias names one, and as a
// Conflict while one of them is active: its Job must be stopped first. Artifacts are the caller's to
// delete.
func (tx *Tx) DeleteDeployment(id int64) error {
	d, err := deployments.get(tx, id)
	if err != nil {
		return err
	}
	if d.Status == pipeline.DeploymentTraining {
		return &pipeline.Error{
			Kind: pipeline.Conflict, Field: "id",
			Reason: fmt.Sprintf("deployment %d is training", id), Hint: "stop it first",
		}
	}
	users, err := tx.users("inference", `SELECT i.id, i.name FROM inferences i
		JOIN results r ON r.id IN (i.result, i.challenger) WHERE r.deployment = ? GROUP BY i.id, i.name ORDER BY i.id`, id)
	if err != nil {
		return err
	}
	if err := inUse("deployment", id, users, "delete the inferences first"); err != nil {
		return err
	}
	if err := tx.unneeded("deployment", "r.deployment = ? AND c.deployment <> r.deployment", id); err != nil {
		return err
	}
	if err := tx.aliased("deployment", id, "r.deployment"); err != nil {
		return err
	}
	for _, result := range d.Results {
		if err := results.remove(tx, result); err != nil {
			return err
		}
	}
	return deployments.remove(tx, id)
}
