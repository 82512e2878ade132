package pipeline

import (
	"fmt"
	"slices"
)

// ResultStatus is where a training stands.
//
//	waiting -> scheduled -> running -> finished
//	   |           |           |----> failed  -> scheduled (retry)
//	   |           |           |----> pruned, a trial of a study
//	   '-----------'-----------'----> stopped -> scheduled (retry)
type ResultStatus string

// The states of a Result.
const (
	ResultWaiting   ResultStatus = "waiting"   // no datasource yet
	ResultScheduled ResultStatus = "scheduled" // the Job is asked for
	ResultRunning   ResultStatus = "running"
	ResultFinished  ResultStatus = "finished"
	ResultFailed    ResultStatus = "failed"
	ResultStopped   ResultStatus = "stopped"
	ResultPruned    ResultStatus = "pruned" // a trial that did worse than others
)

// Enum lists the values for JSON Schema.
func (ResultStatus) Enum() []any {
	return values(ResultWaiting, ResultScheduled, ResultRunning, ResultFinished, ResultFailed, ResultStopped, ResultPruned)
}

// values are the values of an enumeration as JSON Schema lists them.
func values[T any](all ...T) []any {
	listed := make([]any, len(all))
	for i, v := range all {
		listed[i] = v
	}
	return listed
}

// Words are the values of an enumeration as texts.
func Words(of interface{ Enum() []any }) (words []string) {
	for _, v := range of.Enum() {
		words = append(words, fmt.Sprint(v))
	}
	return words
}

var resultSteps = map[ResultStatus][]ResultStatus{
	ResultWaiting:   {ResultScheduled, ResultFailed, ResultStopped},
	ResultScheduled: {ResultRunning, ResultFinished, ResultFailed, ResultStopped, ResultScheduled},
	ResultRunning:   {ResultPruned, ResultFinished, ResultFailed, ResultStopped, ResultScheduled}, // scheduled: its Job was lost and is started again
	ResultFailed:    {ResultScheduled},
	ResultStopped:   {ResultScheduled},
}

// CanBecome reports whether a result may go from s to next.
func (s ResultStatus) CanBecome(next ResultStatus) bool { return slices.Contains(resultSteps[s], next) }

// Active reports whether a Job of the result exists or is asked for.
func (s ResultStatus) Active() bool { return s == ResultScheduled || s == ResultRunning }

// Ended reports whether the training is over, well or not.
func (s ResultStatus) Ended() bool {
	return s == ResultFinished || s == ResultFailed || s == ResultStopped || s == ResultPruned
}

// DeploymentStatus sums up the results of a deployment.
type DeploymentStatus string

// The states of a Deployment.
const (
	DeploymentWaiting  DeploymentStatus = "waiting"
	DeploymentTraining DeploymentStatus = "training"
	DeploymentFinished DeploymentStatus = "finished" // every result
	DeploymentFailed   DeploymentStatus = "failed"   // at least one result, none active
	DeploymentStopped  DeploymentStatus = "stopped"
)

// Enum lists the values for JSON Schema.
func (DeploymentStatus) Enum() []any {
	return values(DeploymentWaiting, DeploymentTraining, DeploymentFinished, DeploymentFailed, DeploymentStopped)
}

// DeploymentOf derives the status of a deployment from its results'.
func DeploymentOf(results []ResultStatus) DeploymentStatus {
	count := map[ResultStatus]int{}
	for _, s := range results {
		count[s]++
	}
	switch {
	case count[ResultScheduled]+count[ResultRunning] > 0:
		return DeploymentTraining
	case count[ResultWaiting] > 0 || len(results) == 0:
		return DeploymentWaiting
	case count[ResultFailed] > 0:
		return DeploymentFailed
	case count[ResultStopped] > 0:
		return DeploymentStopped
	}
	return DeploymentFinished
}

// InferenceStatus is where an inference stands.
type InferenceStatus string

// The states of an Inference.
const (
	InferenceDeploying InferenceStatus = "deploying"
	InferenceRunning   InferenceStatus = "running" // ready n of m
	InferenceFailed    InferenceStatus = "failed"
	InferenceStopped   InferenceStatus = "stopped"
)

// Enum lists the values for JSON Schema.
func (InferenceStatus) Enum() []any {
	return values(InferenceDeploying, InferenceRunning, InferenceFailed, InferenceStopped)
}
