package pipeline

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest names, in characters.
const (
	maxName    = 100
	maxService = 50 // of 63 that a DNS label may have: ServiceName adds to it
	maxTopic   = 249
)

var (
	serviceName = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	topicName   = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
)

// ValidateName refuses what is no name of a model or a configuration, held in
// field: 1 to 100 printable characters without a space at either end. Such a
// name is for people; it never becomes a path, a topic or a label.
func ValidateName(field, name string) error {
	switch {
	case name == "":
		return Invalidf(field, "a name is missing")
	case !printable(name):
		return Invalidf(field, "%q has characters that cannot be shown", name)
	case strings.TrimSpace(name) != name:
		return Invalidf(field, "%q begins or ends with a space", name)
	case utf8.RuneCountInString(name) > maxName:
		return Invalidf(field, "the name has %d characters, at most %d are allowed", utf8.RuneCountInString(name), maxName)
	}
	return nil
}

// printable reports whether a text has only characters that can be shown.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// reserved are the names of services and triggers that an installation has itself.
var reserved = append([]string{StepTrain, StepPredict, "page"}, Steps...)

// ValidateServiceName refuses what is no name of an inference: it becomes the
// name of a service, hence a DNS label, beside those of the functions.
func ValidateServiceName(field, name string) error {
	if len(name) > maxService || !serviceName.MatchString(name) {
		return Invalidf(field, "%q cannot be the name of a service", name).
			WithHint("1 to %d lower-case letters, digits and dashes, a letter first, no dash last", maxService)
	}
	if slices.Contains(reserved, name) {
		return Invalidf(field, "%q is the name of a part of kafkaml", name).WithHint("take another, such as %s-1", name)
	}
	return nil
}

// ValidateTenant refuses what is no name of a tenant: it begins topics, consumer
// groups and folders of a bucket.
func ValidateTenant(tenant string) error {
	if len(tenant) > maxService || !serviceName.MatchString(tenant) {
		return Invalidf(TenantVariable, "%q cannot be the name of a tenant", tenant).
			WithHint("1 to %d lower-case letters, digits and dashes, a letter first, no dash last", maxService)
	}
	return nil
}

// servicePrefix begins the names of what serves an inference in a cluster, and of
// no function.
const servicePrefix = "inference-"

// givenName is what an inference without a name is called by its id.
var givenName = regexp.MustCompile(`^` + servicePrefix + `[0-9]+$`)

// GivenName is what an inference is called that was made without a name.
func GivenName(id int64) string { return servicePrefix + strconv.FormatInt(id, 10) }

// IsGivenName reports whether a name is, or will be, given by an id.
func IsGivenName(name string) bool { return givenName.MatchString(name) }

// ServiceName is what the Service and the KafkaSource of an inference are called in
// a cluster, where the functions are Services as well. A given name stands as it is;
// two inferences never get the same, since a name begins with a letter.
func ServiceName(inference string) string {
	if IsGivenName(inference) {
		return inference
	}
	return servicePrefix + inference
}

// ValidateTopic refuses what Kafka does not accept as the name of a topic, and
// Kafka's own topics, whose names begin with two underscores.
func ValidateTopic(field, topic string) error {
	switch {
	case topic == "":
		return Invalidf(field, "a topic is missing")
	case len(topic) > maxTopic || topic == "." || topic == ".." || !topicName.MatchString(topic):
		return Invalidf(field, "%q cannot be the name of a topic", topic).
			WithHint("1 to %d letters, digits, dots, dashes and underscores", maxTopic)
	case strings.HasPrefix(topic, "__"):
		return Invalidf(field, "%q is one of Kafka's own topics", topic)
	}
	return nil
}
