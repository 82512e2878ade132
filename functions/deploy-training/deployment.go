package deploytraining

import (
	"slices"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Deployment is the resource that a client reads: a deployment, how many of
// its results are in which state, and why the last control message that named
// it was refused, if it was.
type Deployment struct {
	pipeline.Deployment
	Counts        map[pipeline.ResultStatus]int `json:"counts"`
	LastRejection *Rejection                    `json:"last_rejection,omitempty"`
}

// Rejection is a control message that named a deployment and was refused.
type Rejection struct {
	Datasource int64 `json:"datasource"`
	pipeline.Rejection
}

// describe completes a deployment for the one who reads it.
func describe(tx *registry.Tx, d pipeline.Deployment) (Deployment, error) {
	full := Deployment{Deployment: d, Counts: map[pipeline.ResultStatus]int{}}
	results, err := resultsOf(tx, d.ID)
	if err != nil {
		return full, err
	}
	for _, r := range results {
		full.Counts[r.Status]++
	}
	last, err := tx.Datasources(registry.Query{By: map[string]int64{"deployment": d.ID}, Limit: 1})
	if err != nil {
		return full, err
	}
	for _, s := range last.Items {
		if s.Rejected != nil {
			full.LastRejection = &Rejection{s.ID, *s.Rejected}
		}
	}
	return full, nil
}

// deployment reads one deployment.
func deployment(tx *registry.Tx, id int64) (Deployment, error) {
	d, err := tx.Deployment(id)
	if err != nil {
		return Deployment{}, err
	}
	return describe(tx, d)
}

// deployments reads a page of them.
func deployments(tx *registry.Tx, q registry.Query) (registry.Page[Deployment], error) {
	page, err := tx.Deployments(q)
	if err != nil {
		return registry.Page[Deployment]{}, err
	}
	full := registry.Page[Deployment]{Next: page.Next}
	for _, d := range page.Items {
		one, err := describe(tx, d)
		if err != nil {
			return full, err
		}
		full.Items = append(full.Items, one)
	}
	return full, nil
}

// publishDeployment publishes a fact about a deployment as it now is.
func publishDeployment(tx *registry.Tx, typ string, id int64) (*event.Event, error) {
	full, err := deployment(tx, id)
	if err != nil {
		return nil, err
	}
	return door.Publish(tx, name, typ, id, full)
}

// resultsOf are the results of a deployment in the order in which they were
// made.
func resultsOf(tx *registry.Tx, deployment int64) ([]pipeline.Result, error) {
	page, err := tx.Results(registry.Query{By: map[string]int64{"deployment": deployment}})
	slices.Reverse(page.Items)
	return page.Items, err
}
