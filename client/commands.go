package client

import "github.com/kafkaml/kafkaml/shared/pipeline"

// Patch holds the members of a form to change, by their JSON names; the others
// stay as they are.
type Patch map[string]any

// ValidateModel asks whether form builds, without keeping it. Answer: the
// pipeline.Model as it would be.
func (c *Client) ValidateModel(form pipeline.ModelForm) Command {
	return c.Models().Command("validate", 0, form)
}

// RegisterModel keeps a new model. Answer: pipeline.Model.
func (c *Client) RegisterModel(form pipeline.ModelForm) Command {
	return c.Models().Command("register", 0, form)
}

// UpdateModel changes members of a model; other source or imports make a new
// version. Answer: pipeline.Model.
func (c *Client) UpdateModel(id int64, change Patch) Command {
	return c.Models().Command("update", id, change)
}

// CreateConfiguration keeps a new configuration. Answer: pipeline.Configuration.
func (c *Client) CreateConfiguration(form pipeline.ConfigurationForm) Command {
	return c.Configurations().Command("create", 0, form)
}

// UpdateConfiguration changes members of a configuration. Answer:
// pipeline.Configuration.
func (c *Client) UpdateConfiguration(id int64, change Patch) Command {
	return c.Configurations().Command("update", id, change)
}

// CreateStudy asks for the values that a model trains best with. Answer:
// pipeline.Study.
func (c *Client) CreateStudy(form pipeline.StudyForm) Command {
	return c.Studies().Command("create", 0, form)
}

// CreateDeployment asks for the models of a configuration to be trained.
// Answer: pipeline.Deployment, with the ids of its results.
func (c *Client) CreateDeployment(form pipeline.DeploymentForm) Command {
	return c.Deployments().Command("create", 0, form)
}

// StopDeployment ends the trainings of a deployment. Answer: pipeline.Deployment.
func (c *Client) StopDeployment(id int64) Command { return c.Deployments().Command("stop", id, nil) }

// RetryResult trains a failed or stopped result again. Answer: pipeline.Result.
func (c *Client) RetryResult(id int64) Command { return c.Results().Command("retry", id, nil) }

// VerifyResult trains a finished result again from its receipt, and compares.
// Answer: pipeline.Result, whose verification tells what came of it.
func (c *Client) VerifyResult(id int64) Command { return c.Results().Command("verify", id, nil) }

// StopResult ends one training. Answer: pipeline.Result.
func (c *Client) StopResult(id int64) Command { return c.Results().Command("stop", id, nil) }

// ConvertResult converts the model of a finished result to a format that it is not
// kept in, unless it is. Answer: pipeline.Result.
func (c *Client) ConvertResult(id int64, form pipeline.ConversionForm) Command {
	m := c.Results().Command("convert", id, form)
	m.Function = pipeline.StepModelRegister // whose worker converts
	return m
}

// AliasResult gives a finished result a name among those of its model. Answer:
// pipeline.Result.
func (c *Client) AliasResult(id int64, alias string) Command {
	return c.Results().Command("alias", id, pipeline.AliasForm{Alias: alias})
}

// UnaliasResult takes a name off a result. Answer: pipeline.Result.
func (c *Client) UnaliasResult(id int64, alias string) Command {
	return c.Results().Command("unalias", id, pipeline.AliasForm{Alias: alias})
}

// CreateDatasource trains on records that lie in topics already. Answer:
// pipeline.Datasource, with the ranges that they are.
func (c *Client) CreateDatasource(form pipeline.DatasourceForm) Command {
	return c.Datasources().Command("create", 0, form)
}

// ResendDatasource names a stream to another deployment; no record is sent
// again. Answer: the new pipeline.Datasource.
func (c *Client) ResendDatasource(id, deployment int64) Command {
	return c.Datasources().Command("resend", id, pipeline.ResendForm{Deployment: deployment})
}

// DeployInference serves a finished result. Answer: pipeline.Inference.
func (c *Client) DeployInference(form pipeline.InferenceForm) Command {
	return c.Inferences().Command("deploy", 0, form)
}

// UpdateInference changes an inference's replicas, or serves another result of
// the same shapes. Answer: pipeline.Inference.
func (c *Client) UpdateInference(id int64, change Patch) Command {
	return c.Inferences().Command("update", id, change)
}

// StartInference starts a stopped inference again. Answer: pipeline.Inference.
func (c *Client) StartInference(id int64) Command { return c.Inferences().Command("start", id, nil) }

// StopInference ends the replicas and keeps the row. Answer: pipeline.Inference.
func (c *Client) StopInference(id int64) Command { return c.Inferences().Command("stop", id, nil) }
