package client

// ValidateModel asks whether form builds, without keeping it. Answer: the
// pipeline.Model as it would be.
func (c *Client) ValidateModel(form ModelForm) Command {
	return c.Models().command("validate", 0, form)
}

// RegisterModel keeps a new model. Answer: pipeline.Model.
func (c *Client) RegisterModel(form ModelForm) Command {
	return c.Models().command("register", 0, form)
}

// UpdateModel makes form the model's newest version. Answer: pipeline.Model.
func (c *Client) UpdateModel(id int64, form ModelForm) Command {
	return c.Models().command("update", id, form)
}

// CreateConfiguration keeps a new configuration. Answer: pipeline.Configuration.
func (c *Client) CreateConfiguration(form ConfigurationForm) Command {
	return c.Configurations().command("create", 0, form)
}

// UpdateConfiguration replaces a configuration. Answer: pipeline.Configuration.
func (c *Client) UpdateConfiguration(id int64, form ConfigurationForm) Command {
	return c.Configurations().command("update", id, form)
}

// CreateDeployment asks for the models of a configuration to be trained.
// Answer: pipeline.Deployment, with the ids of its results.
func (c *Client) CreateDeployment(form DeploymentForm) Command {
	return c.Deployments().command("create", 0, form)
}

// StopDeployment ends the trainings of a deployment. Answer: pipeline.Deployment.
func (c *Client) StopDeployment(id int64) Command { return c.Deployments().command("stop", id, nil) }

// RetryResult trains a failed or stopped result again. Answer: pipeline.Result.
func (c *Client) RetryResult(id int64) Command { return c.Results().command("retry", id, nil) }

// ResendDatasource names a stream to another deployment; no record is sent
// again. Answer: the new pipeline.Datasource.
func (c *Client) ResendDatasource(id, deployment int64) Command {
	return c.Datasources().command("resend", id, map[string]int64{"deployment": deployment})
}

// DeployInference serves a finished result. Answer: pipeline.Inference.
func (c *Client) DeployInference(form InferenceForm) Command {
	return c.Inferences().command("deploy", 0, form)
}

// UpdateInference replaces an inference's result, replicas or topics. Answer:
// pipeline.Inference.
func (c *Client) UpdateInference(id int64, form InferenceForm) Command {
	return c.Inferences().command("update", id, form)
}

// StopInference ends the replicas and keeps the row. Answer: pipeline.Inference.
func (c *Client) StopInference(id int64) Command { return c.Inferences().command("stop", id, nil) }
