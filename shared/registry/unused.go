package registry

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Unused says why the deployment that a datasource names does not train on it:
// it is not there, it was stopped, or it has trained on the stream. It is nil
// where a training begins, or has begun.
func (tx *Tx) Unused(d pipeline.Datasource) (*pipeline.Rejection, error) {
	if d.Rejected != nil {
		return nil, nil
	}
	dep, err := tx.Deployment(d.Deployment)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return tx.noDeployment(d)
	}
	if err != nil {
		return nil, err
	}
	if d.ID != 0 {
		own, err := tx.Results(Query{By: map[string]int64{"deployment": dep.ID, "datasource": d.ID}, Limit: 1})
		if err != nil || len(own.Items) > 0 {
			return nil, err
		}
	}
	why, err := tx.alreadyTrained(dep, d)
	if err != nil || why != nil || dep.Status != pipeline.DeploymentStopped {
		return why, err
	}
	waiting, err := tx.Results(Query{By: map[string]int64{"deployment": dep.ID}, Status: string(pipeline.ResultWaiting), Limit: 1})
	if err != nil || len(waiting.Items) > 0 {
		return nil, err
	}
	return tx.stopped(dep)
}

// Repeated says that the deployment which a datasource names has trained on its
// stream already, and what can be done. It is nil where that is not so, as where
// there is no such deployment.
func (tx *Tx) Repeated(d pipeline.Datasource) (*pipeline.Rejection, error) {
	if d.Rejected != nil {
		return nil, nil
	}
	dep, err := tx.Deployment(d.Deployment)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return tx.alreadyTrained(dep, d)
}

// stopped says how a stream can be used that came after its deployment was
// stopped.
func (tx *Tx) stopped(dep pipeline.Deployment) (*pipeline.Rejection, error) {
	why := &pipeline.Rejection{
		Field: "deployment", Reason: fmt.Sprintf("deployment %d is stopped", dep.ID),
		Hint: "create another deployment and send the datasource to it: datasources resend",
	}
	untried, err := tx.Results(Query{By: map[string]int64{"deployment": dep.ID, "datasource": 0}, Status: string(pipeline.ResultStopped)})
	for _, r := range untried.Items { // this stream is what it is tried on
		why.Hint = fmt.Sprintf("results retry %d trains it on this stream", r.ID)
	}
	return why, err
}

// TrainedOn gives the datasource that a deployment has results of and that is the
// same stream as another: that one, or one of the same ranges, format and split.
func (tx *Tx) TrainedOn(deployment int64, d pipeline.Datasource) (first pipeline.Datasource, known bool, err error) {
	err = tx.each(func(read func(...any) error) error {
		one, err := datasources.decode(read)
		if err == nil && !known && one.SameStream(d) {
			first, known = *one, true
		}
		return err
	}, `SELECT body FROM datasources WHERE stream IN (?, '') AND EXISTS
		(SELECT 1 FROM results WHERE datasource = datasources.id AND deployment = ?)`, streamOf(d), deployment)
	if err != nil {
		return first, false, fmt.Errorf("look for a stream among those of deployment %d: %w", deployment, err)
	}
	return first, known, nil
}

// alreadyTrained says what became of the trainings on a stream, and what can be
// done; nil: there was none.
func (tx *Tx) alreadyTrained(dep pipeline.Deployment, d pipeline.Datasource) (*pipeline.Rejection, error) {
	first, known, err := tx.TrainedOn(dep.ID, d)
	if err != nil || !known {
		return nil, err
	}
	results, err := tx.Results(Query{By: map[string]int64{"deployment": dep.ID, "datasource": first.ID}})
	if err != nil {
		return nil, err
	}
	why := &pipeline.Rejection{
		Field:  "deployment",
		Reason: fmt.Sprintf("deployment %d already trained on this stream, as datasource %d", dep.ID, first.ID),
		Hint:   "to train on it once more, create another deployment and send the datasource to it: datasources resend",
	}
	for _, r := range results.Items {
		switch {
		case r.Status == pipeline.ResultFailed || r.Status == pipeline.ResultStopped:
			why.Hint = fmt.Sprintf("result %d is %s: results retry %d trains it again", r.ID, r.Status, r.ID)
			return why, nil
		case r.Status.Active():
			why.Reason = fmt.Sprintf("deployment %d trains on this stream already, as datasource %d", dep.ID, first.ID)
		}
	}
	return why, nil
}

// noDeployment says that there is none of a datasource's number, whether the
// stream waits for it, and how the key came to name it.
func (tx *Tx) noDeployment(d pipeline.Datasource) (*pipeline.Rejection, error) {
	deleted, err := tx.given(deployments.noun, d.Deployment)
	if err != nil {
		return nil, err
	}
	if deleted {
		return &pipeline.Rejection{
			Field: "deployment", Reason: fmt.Sprintf("deployment %d was deleted", d.Deployment),
			Hint: "send the datasource to a deployment that is there: datasources resend",
		}, nil
	}
	why, err := tx.misread(d)
	why.Reason += fmt.Sprintf("; the stream waits for it: where it is created within %.0f hours, it trains on this stream", pipeline.StreamWait.Hours())
	return why, err
}

// misread says how the key of a datasource's message came to name a deployment
// that there never was.
func (tx *Tx) misread(d pipeline.Datasource) (*pipeline.Rejection, error) {
	why := &pipeline.Rejection{
		Field: "deployment", Reason: fmt.Sprintf("there is no deployment %d", d.Deployment),
		Hint: "send the datasource to a deployment that is there: datasources resend",
	}
	key, err := hex.DecodeString(d.Origin.Key)
	if err != nil || len(key) == 0 {
		return why, nil
	}
	const name = `name the deployment by "deployment_id" in the value`
	text := printable(key)
	switch {
	case len(key) == 1 && text:
		why.Reason += fmt.Sprintf(" (the key is one byte: %d; text %q?)", key[0], key)
		why.Hint = name + ", or send the datasource to one that is there: datasources resend"
		meant, err := strconv.ParseInt(string(key), 10, 64)
		if err != nil {
			return why, nil
		}
		_, err = tx.Deployment(meant)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return why, nil
		}
		why.Hint = fmt.Sprintf("deployment %d is there: where it was meant, send the datasource to it by datasources resend, and from now on "+name, meant)
		return why, err
	case len(key) == 1:
		why.Reason += fmt.Sprintf(" (the key is one byte: %d)", key[0])
	case !text:
		why.Reason += fmt.Sprintf(" (the key is 0x%s, a number of %d bytes)", d.Origin.Key, len(key))
	case !decimal(key, d.Deployment):
		why.Reason += fmt.Sprintf(" (the key %q is read as a number of %d bytes)", key, len(key))
		why.Hint = name + ", or send the datasource to one that is there: datasources resend"
	}
	return why, nil
}

// decimal reports whether a key is a number in decimal text.
func decimal(key []byte, number int64) bool {
	n, err := strconv.ParseInt(string(key), 10, 64)
	return err == nil && n == number
}

func printable(text []byte) bool {
	for _, c := range string(text) {
		if !unicode.IsPrint(c) && c != '\n' {
			return false
		}
	}
	return utf8.Valid(text)
}
