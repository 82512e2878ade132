// Package function is this repository as one Knative func project: func finds
// New in the root package and serves what it returns. The step is named by the
// environment variable FUNCTION; empty, all steps are served under their names.
package function

import "github.com/kafkaml/kafkaml/functions"

// New makes the instance that func-go runs.
func New() *functions.Instance { return functions.NewInstance(nil) }
