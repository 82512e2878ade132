package stream

import (
	"errors"
	"strings"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// rights are what the brokers' ACLs must give for an operation where it is not
// DESCRIBE, which READ and WRITE imply.
var rights = map[string]string{
	opCreate: "CREATE", "grow topic": "ALTER", opRetention: "DESCRIBE_CONFIGS",
	opRead: "READ", "read records": "READ", "find record": "READ", opProduce: "WRITE", opJoin: "READ",
}

// notAllowed explains that our user may not do this, or is not let in; nil for every other
// error.
func notAllowed(op string, err error) *pipeline.Error {
	if refusal := denied(op, err); refusal != nil {
		return refusal
	}
	return shutOut(op, err)
}

// denied explains the answer of a broker that runs and lets our user in, but not do
// this; nil for every other error. What is before the answer names the topic or group.
func denied(op string, err error) *pipeline.Error {
	var answer kafka.Error
	if !errors.As(err, &answer) {
		return nil
	}
	of := "the topic"
	switch answer {
	case kafka.TopicAuthorizationFailed:
	case kafka.GroupAuthorizationFailed:
		of = "the group"
	case kafka.ClusterAuthorizationFailed:
		of = "the cluster"
	default:
		return nil
	}
	right, ok := rights[op]
	if !ok {
		right = "DESCRIBE"
	}
	named, _, _ := strings.Cut(method.ReplaceAllString(err.Error(), ""), answer.Error())
	return &pipeline.Error{
		Op: op, Kind: pipeline.Unavailable, Err: err, Reason: named + "the brokers give this user of Kafka no " + right + " on " + of,
		Hint: "have " + right + " on " + of + " given to the user (" + envUsername + ", or the name of the client certificate) by the brokers' ACLs; docs/kubernetes.md lists what it needs",
	}
}

// shutOut explains that no broker can be spoken to since none takes our login, or, as the
// library says of brokers that it reached and lost, for whatever reason; nil for every
// other error.
func shutOut(op string, err error) *pipeline.Error {
	e := &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Err: err}
	switch {
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		e.Reason = "the brokers do not take this user of Kafka, or what it shows (SASL)"
		e.Hint = "see " + envUsername + " and " + envPassword + ", or the token; `kafkaml doctor` tries them"
	case errors.Is(err, kafka.BrokerNotAvailable):
		e.Reason = "no broker can be used now: none answers, or none takes this user of Kafka"
		e.Hint = "`kafkaml doctor` says which; see that the brokers of " + envBrokers + " run, and try again"
	default:
		return nil
	}
	return e
}

// isDenied reports whether err is of the brokers' ACLs.
func isDenied(err error) bool { return denied("", err) != nil }
