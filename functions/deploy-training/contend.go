package deploytraining

import (
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// contestants refuses a deployment whose alias its models cannot contend for.
func contestants(dep pipeline.Deployment, models []pipeline.Model) error {
	if dep.Alias == "" {
		return nil
	}
	of, _, err := pipeline.ParseAlias("alias", dep.Alias)
	if err != nil {
		return err
	}
	for _, m := range models {
		if of != "" && of != m.Name {
			return pipeline.Invalidf("alias", "%s is an alias of another model than %s, which the deployment trains", dep.Alias, m.Name).
				WithHint("give the alias alone: each model has its own")
		}
		if _, _, err := dep.Judges(m.Export); err != nil {
			return about(m, err)
		}
	}
	return nil
}

// aliasFor is an alias of a model, as MODEL@ALIAS, and the result that has it, 0 for
// none.
func aliasFor(tx *registry.Tx, text string, model int64) (ref string, champion int64, err error) {
	_, alias, err := pipeline.ParseAlias("alias", text)
	if err != nil {
		return "", 0, err
	}
	m, err := tx.Model(model)
	if err != nil {
		return "", 0, err
	}
	ref = pipeline.AliasRef(m.Name, alias)
	champion, _, err = tx.Aliased("alias", ref)
	if pipeline.KindOf(err) == pipeline.Invalid { // nobody has it
		return ref, 0, nil
	}
	return ref, champion, err
}

// championOf is what the training of r compares its model with, nil where there is
// nothing.
func championOf(tx *registry.Tx, dep pipeline.Deployment, r pipeline.Result) (*pipeline.Champion, error) {
	if dep.Alias == "" {
		return nil, nil // there is none
	}
	_, id, err := aliasFor(tx, dep.Alias, r.Model)
	if err != nil || id == 0 {
		return nil, err
	}
	c, err := tx.Result(id)
	if err != nil {
		return nil, err
	}
	m, err := tx.ModelOf(c)
	return &pipeline.Champion{Result: id, Artifact: c.Artifact, Export: m.Export, Learned: c.Learned()}, err
}

// contend lets a result that has just been stored as finished take the alias of its
// deployment, or says why it does not; deleted are the results that are then not kept.
func contend(tx *registry.Tx, r pipeline.Result, contest *pipeline.Contest) (deleted []pipeline.Result, err error) {
	if r.Status != pipeline.ResultFinished {
		return nil, nil
	}
	dep, err := tx.Deployment(r.Deployment)
	if err != nil || dep.Alias == "" {
		return nil, err
	}
	m, err := tx.ModelOf(r)
	if err != nil {
		return nil, err
	}
	d := pipeline.Decision{Challenger: r.ID, Margin: dep.Margin, Datasource: r.Datasource, At: time.Now().UTC()}
	if d.Alias, d.Champion, err = aliasFor(tx, dep.Alias, r.Model); err != nil {
		return nil, err
	}
	var better pipeline.MetricMode
	if d.Metric, better, err = dep.Judges(m.Export); err != nil {
		return nil, err
	}
	if r.Split != nil {
		d.Records = r.Split.Test.Records
	}
	d.Settle(better, r.Metrics.Test, contest)
	if d.Promoted {
		if _, err := rename(tx, r.ID, d.Alias); err != nil {
			return nil, err
		}
	} else if deleted, err = outdo(tx, dep, r); err != nil {
		return nil, err
	}
	dep.Retraining.Decide(d)
	if err := tx.UpdateDeployment(&dep); err != nil {
		return nil, err
	}
	_, err = door.Publish(tx, name, eventing.DeploymentDecided, dep.ID, pipeline.Decided{Deployment: dep, Decision: d})
	return deleted, err
}

// outdo notes that a result of a schedule was not better, and deletes the older ones of
// which that is so. One that was ever given an alias is not among them.
func outdo(tx *registry.Tx, dep pipeline.Deployment, r pipeline.Result) (deleted []pipeline.Result, err error) {
	d, err := tx.Datasource(r.Datasource)
	if err != nil || !d.Scheduled {
		return nil, err
	}
	r.Outdone = true
	if err := tx.UpdateResult(&r); err != nil {
		return nil, err
	}
	page, err := tx.Results(registry.Query{By: map[string]int64{"deployment": dep.ID}})
	if err != nil {
		return nil, err
	}
	kept := map[int64]int{} // by model
	var older []pipeline.Result
	for _, one := range page.Items { // newest first
		if !one.Outdone {
			continue
		}
		if kept[one.Model]++; kept[one.Model] > dep.KeepsLosing() {
			older = append(older, one)
		}
	}
	return discardable(tx, older)
}

// discardable deletes results that nobody has a use for: those are kept that are served,
// named, tagged, noted or verified, and those that another went on from.
func discardable(tx *registry.Tx, all []pipeline.Result) (deleted []pipeline.Result, err error) {
	for _, r := range all {
		children, err := tx.Results(registry.Query{By: map[string]int64{"parent": r.ID}, Limit: 1})
		if err != nil {
			return nil, err
		}
		if r.Verification != nil || len(children.Items) > 0 {
			continue
		}
		gone, err := unused(tx, r)
		if err != nil {
			return nil, err
		}
		if gone {
			deleted = append(deleted, r)
		}
	}
	return deleted, nil
}

// watched refuses a schedule that waits for drifts which nobody looks for.
func watched(tx *registry.Tx, dep pipeline.Deployment) error {
	if dep.OnDriftOf == 0 {
		return nil
	}
	of, err := tx.Deployment(dep.OnDriftOf)
	switch {
	case pipeline.KindOf(err) == pipeline.NotFound:
		return pipeline.Invalidf("on_drift_of", "there is no deployment %d", dep.OnDriftOf)
	case err == nil && of.Drift == "":
		return pipeline.Invalidf("on_drift_of", "deployment %d looks for no drifts", dep.OnDriftOf).WithHint("make one of mode stream with drift: adwin, page_hinkley or ddm")
	}
	return err
}
