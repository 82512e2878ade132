package registrytest

import (
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Deployed stores a model, a configuration of it that is called "of " and its
// name, a deployment of that, and a result that waits for it.
func Deployed(tx *registry.Tx, m pipeline.Model) (pipeline.Deployment, pipeline.Result, error) {
	var d pipeline.Deployment
	var r pipeline.Result
	m.Framework = "tensorflow"
	if err := tx.CreateModel(&m); err != nil {
		return d, r, err
	}
	c := pipeline.Configuration{Name: "of " + m.Name, Models: []int64{m.ID}}
	if err := tx.CreateConfiguration(&c); err != nil {
		return d, r, err
	}
	d = pipeline.Deployment{Configuration: c.ID, BatchSize: 1, TrainingKwargs: pipeline.TrainingKwargs{Epochs: 1}}
	if err := tx.CreateDeployment(&d); err != nil {
		return d, r, err
	}
	r = pipeline.Result{Deployment: d.ID, Configuration: c.ID, Model: m.ID, ModelName: m.Name, ModelVersion: m.Version, Status: pipeline.ResultWaiting}
	return d, r, tx.CreateResult(&r)
}
