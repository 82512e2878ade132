package registry

import "github.com/kafkaml/kafkaml/shared/pipeline"

var inferences = kind[pipeline.Inference]{
	noun: "inference", table: "inferences", columns: []string{"name", "result", "challenger", "status"},
	values: func(i *pipeline.Inference) []any {
		return []any{i.Name, i.Result, i.Challenger().Result, string(i.Status)}
	},
	search: func(i *pipeline.Inference) []string {
		return []string{i.Name, i.InputTopic, i.OutputTopic, i.Reason, i.Follows}
	},
	id:    func(i *pipeline.Inference) *int64 { return &i.ID },
	strip: func(*pipeline.Inference) {},
	fill:  fillFollows,
	by: map[string]string{
		"result":     "result = ?",
		"deployment": "result IN (SELECT id FROM results WHERE deployment = ?)",
		"model":      "result IN (SELECT id FROM results WHERE model = ?)",
	},
	texts: map[string]func(string) (string, []any, error){
		"name": func(name string) (string, []any, error) { return "name = ?", []any{name}, nil },
	},
	states: pipeline.Words(pipeline.InferenceStatus("")),
}

// CreateInference stores i and sets ID, Created, Updated and StatusChanged,
// Name to "inference-<id>" where it is empty, and Status to deploying where it
// is empty. A taken name is a Conflict; a result that does not exist, or a
// name that might be given to another, Invalid.
func (tx *Tx) CreateInference(i *pipeline.Inference) error {
	if err := results.refers(tx, "result", i.Result); err != nil {
		return err
	}
	if pipeline.IsGivenName(i.Name) {
		return pipeline.Invalidf("name", "%q is reserved for inferences that are created without a name", i.Name).
			WithHint("leave the name out, or choose another")
	}
	if err := inferences.unique(tx, i.Name, 0); err != nil {
		return err
	}
	id, err := tx.next(inferences.noun, 1)
	if err != nil {
		return err
	}
	i.ID = id
	if i.Name == "" {
		i.Name = pipeline.GivenName(id)
	}
	if i.Status == "" {
		i.Status = pipeline.InferenceDeploying
	}
	i.Created = now()
	i.Updated, i.StatusChanged = i.Created, i.Created
	return inferences.insert(tx, i)
}

// Inference gives one inference.
func (tx *Tx) Inference(id int64) (pipeline.Inference, error) { return inferences.get(tx, id) }

// Inferences lists inferences; filters: "result", "deployment", "model"; and the text
// "name".
func (tx *Tx) Inferences(q Query) (Page[pipeline.Inference], error) { return inferences.list(tx, q) }

// UpdateInference stores i over the inference with its id; a new Status sets
// StatusChanged, the name stays what it was.
func (tx *Tx) UpdateInference(i *pipeline.Inference) error {
	old, err := inferences.get(tx, i.ID)
	if err != nil {
		return err
	}
	if err := results.refers(tx, "result", i.Result); err != nil {
		return err
	}
	i.Name, i.Created, i.Updated, i.StatusChanged = old.Name, old.Created, now(), old.StatusChanged
	if i.Status != old.Status {
		i.StatusChanged = i.Updated
	}
	return inferences.replace(tx, i)
}

// DeleteInference deletes an inference; what serves it is the caller's to end
// first.
func (tx *Tx) DeleteInference(id int64) error {
	if _, err := inferences.get(tx, id); err != nil {
		return err
	}
	return inferences.remove(tx, id)
}
