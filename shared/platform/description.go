package platform

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A process is told its work by one of these variables: a pipeline.TrainingJob, a
// pipeline.PredictJob or a pipeline.CheckJob as JSON. Linux bounds a variable to 128 KiB, so the same
// name with FileSuffix may name a file of that JSON instead, gzipped or not.
const (
	JobVariable     = "KAFKAML_JOB"
	PredictVariable = "KAFKAML_PREDICT"
	CheckVariable   = "KAFKAML_CHECK"
	FileSuffix      = "_FILE"
	// TokenVariable holds the bearer token of a training's reports.
	TokenVariable = "KAFKAML_JOB_TOKEN" // #nosec G101 -- the name of it
)

// BrokersVariable tells a process where the brokers say that they serve, host:port
// separated by commas, so that it need not ask before it fences itself off.
const BrokersVariable = "KAFKA_BROKERS_ADVERTISED"

// CheckedField is the field of the error by which a process says that the model which
// it checked is at fault.
const CheckedField = "content"

// SuspectsVariable names the file in which a replica marks what it predicts, so that
// the next one knows what ended it. Those of one inference on a machine lie in one
// folder.
const SuspectsVariable = "KAFKAML_SUSPECTS"

// ParentVariable is "stdin" where the process ends with its standard input. Who sets
// it also watches how the process ends, and removes that file if it was killed.
const ParentVariable = "KAFKAML_PARENT"

// MaxDescription bounds the JSON of Job.Spec and Service.Spec, in bytes.
const MaxDescription = 8 << 20

// Describe returns the JSON of a Spec. If it is larger than MaxDescription the
// error is Invalid and names its largest member.
func Describe(spec any) ([]byte, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, &pipeline.Error{Op: "describe the work", Kind: pipeline.Invalid, Err: err}
	}
	if len(text) > MaxDescription {
		return nil, TooLarge(text, fmt.Sprintf("the work of one process is described in %d bytes, at most %d can be handed to it", len(text), MaxDescription))
	}
	return text, nil
}

// TooLarge returns an Invalid error that names the largest member of a
// description.
func TooLarge(description []byte, reason string) error {
	var members map[string]json.RawMessage
	field := ""
	if json.Unmarshal(description, &members) == nil { // else there is no member to name
		for name, value := range members {
			if field == "" || len(value) > len(members[field]) {
				field = name
			}
		}
	}
	return pipeline.Invalidf(field, "%s; this member takes %d of them", reason, len(members[field])).
		WithHint("use a smaller schema, or a stream of fewer ranges")
}

// Described reports whether the environment has the description, in variable or
// in a file.
func Described(getenv func(string) string, variable string) bool {
	return getenv(variable) != "" || getenv(variable+FileSuffix) != ""
}

// ReadDescription decodes the description in variable, or in the file that
// variable with FileSuffix names, into spec.
func ReadDescription(getenv func(string) string, variable string, spec any) error {
	text := []byte(getenv(variable))
	if path := getenv(variable + FileSuffix); path != "" {
		variable += FileSuffix
		var err error
		if text, err = readFile(path); err != nil {
			return &pipeline.Error{Kind: pipeline.Invalid, Field: variable, Err: err}
		}
	}
	if len(text) == 0 {
		return pipeline.Invalidf(variable, "is not set").
			WithHint("it holds the work of this process as JSON; %s%s may name a file of it", variable, FileSuffix)
	}
	if err := json.Unmarshal(text, spec); err != nil {
		return &pipeline.Error{Kind: pipeline.Invalid, Field: variable, Err: err}
	}
	return nil
}

// readFile reads a description, compressed or not.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- named by who started this process
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := readBounded(f)
	if err != nil || !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		return text, err
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return readBounded(z)
}

func readBounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxDescription+1))
	if err == nil && len(text) > MaxDescription {
		err = errors.New("it is larger than a description can be")
	}
	return text, err
}
