package pipeline

// MostTried is how many records a Batch may hold, as its schema says.
const MostTried = 32

// Batch is a few decoded records of a topic: what a training would be given, to
// try a model on. Each tensor holds all records, one after the other.
type Batch struct {
	Records []Place  `json:"records" required:"true" nullable:"false" minItems:"1" maxItems:"32" description:"where each of them lies"`
	Inputs  []Packed `json:"inputs" required:"true" nullable:"false"`
	Labels  []Packed `json:"labels" required:"true" nullable:"false" description:"none where the model trains without, or no label is known yet"`
}

// Place is where a record lies in its topic.
type Place struct {
	Partition int   `json:"partition" minimum:"0"`
	Offset    int64 `json:"offset" minimum:"0"`
}

// Packed is one tensor of a batch.
type Packed struct {
	Tensor
	Data []byte `json:"data" description:"in base64: little-endian, row-major; of text each element as its length in 4 bytes and its UTF-8"`
}

// TrialForm asks for one training step of a model on a batch.
type TrialForm struct {
	Version int   `json:"version,omitempty" minimum:"0" description:"of the model (default: the newest)"`
	Batch   Batch `json:"batch" required:"true" example:"{\"records\":[{\"partition\":0,\"offset\":0}],\"inputs\":[{\"name\":\"input\",\"dtype\":\"float32\",\"shape\":[2],\"data\":\"AACAPwAAAEA=\"}],\"labels\":[{\"name\":\"output\",\"dtype\":\"float32\",\"shape\":[1],\"data\":\"AABAQA==\"}]}" description:"as POST /topics/{topic}/preview of the records gives it"`
}

// Trial is what came of one training step of a model on a batch. Nothing of it is
// kept.
type Trial struct {
	Model   int64       `json:"model"`
	Version int         `json:"version"`
	Records int         `json:"records"`
	Metrics Metrics     `json:"metrics" description:"of the step, loss first among them; none where it failed"`
	Seconds float64     `json:"seconds" description:"that the step took, with what the first one has to prepare"`
	Adapted []string    `json:"adapted,omitempty" description:"layers that were adapted on these records; a training adapts them on its training split"`
	Fault   *TrialFault `json:"fault,omitempty" nullable:"false" description:"why the model would not train; absent where it would"`
}

// TrialFault is what is wrong with a step, and the first record that has it alone.
type TrialFault struct {
	Record  *Place    `json:"record,omitempty" nullable:"false" description:"the first record with which the step fails when it is alone; absent where each alone is well"`
	Failing int       `json:"failing" description:"records with which it fails when they are alone"`
	Tried   int       `json:"tried" description:"records that were tried alone"`
	Reason  string    `json:"reason"`
	Hint    string    `json:"hint,omitempty"`
	Field   string    `json:"field,omitempty" description:"imports or source, where the fault has a place in it"`
	At      *Position `json:"at,omitempty" description:"place in the model's source"`
}
