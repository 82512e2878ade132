package broker

import (
	"slices"
	"testing"
)

// A broker that is a child gets none of the secrets that its parent knows.
func TestAttackBrokerReadsSecrets(t *testing.T) {
	got := environment([]string{"PATH=/bin", "JAVA_HOME=/java", "DATABASE_URL=postgres://u:p@h/d", "KAFKA_SASL_PASSWORD=p", "AWS_SECRET_ACCESS_KEY=k", "LC_ALL=C"})
	if want := []string{"PATH=/bin", "JAVA_HOME=/java", "LC_ALL=C"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
