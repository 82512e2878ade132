package e2e

import (
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestAttackTenants has two installations share one Kafka, all names and ids being
// the same in both: neither sees what is the other's, by right or by chance.
func TestAttackTenants(t *testing.T) {
	t.Parallel()
	a := newTenant(t, "a", nil)
	b := newTenant(t, "b", a.Brokers)
	c := a.dial()
	for i, m := range []*tenant{a, b} {
		m.kafkaml("stream", "send", m.pointsFile(100*(i+1)), "--label", "class", "--format", "RAW", "--topic", m.topic("in"), "--partitions", "2", "--predict")
	}
	for i, m := range []*tenant{a, b} {
		if repeated := everyRecord(t, c, m.inference.ID, m.topic("in"), m.topic("out")); repeated != 0 {
			t.Errorf("%s: %d predictions came twice", m.name, repeated)
		}
		within(t, waitTime, "the offsets of "+m.name, func() (string, bool) {
			done, err := c.Committed(t.Context(), m.topic("kafkaml-inference-1"), m.topic("in"))
			if err != nil {
				t.Fatal(err)
			}
			var sum int64
			for _, n := range done {
				sum += n
			}
			return "", sum == int64(100*(i+1))
		})
		if all := jsonOf[[]pipeline.Datasource](m.machine, "datasources", "list"); len(all) != 1 || all[0].Ranges[0].Topic != m.topic("points") {
			t.Errorf("streams of %s: %+v", m.name, all)
		}
		if all := m.results("1"); len(all) != 1 || all[0].Lineage.Records != 2200 {
			t.Errorf("results of %s: %+v", m.name, all)
		}
	}

	if listed := b.kafkaml("topics", "list"); !strings.Contains(listed, "b.points") || strings.Contains(listed, "a.points") {
		t.Errorf("topics of b:\n%s", listed)
	}
	for field, args := range map[string][]string{
		"input_topic":  {"inferences", "create", "--result", "1", "--input-topic", "a.in", "--output-topic", "b.more"},
		"output_topic": {"inferences", "create", "--result", "1", "--input-topic", "b.in", "--output-topic", "a.out"},
		"topic":        {"datasources", "create", "--topic", "a.points", "--deployment", "1", "--format", "RAW", "--unchecked"},
	} {
		if out, said, code := b.try(args...); code == 0 || !strings.Contains(said, `"a.`) && !strings.Contains(said, "a.") {
			t.Errorf("%s of a, by b: %d %s %s", field, code, out, said)
		}
	}
}

// tenant is an installation that has trained and serves a model.
type tenant struct {
	*machine
	name      string
	inference pipeline.Inference
}

func (m *tenant) topic(name string) string { return m.name + "." + name }

// newTenant starts a tenant on a Kafka, or with a broker where none is named.
func newTenant(t *testing.T, name string, brokers []string) *tenant {
	t.Helper()
	env := []string{"KAFKAML_TENANT=" + name, "CONTROL_TOPIC=" + name + ".control"}
	if brokers != nil {
		env = append(env, "KAFKA_BROKERS="+strings.Join(brokers, ","))
	}
	m := &tenant{machine: newMachine(t, env, "--broker", "development"), name: name}
	m.model("small", "small.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "small")
	deployment := m.created("deployments", "create", "--configuration", "one", "--batch-size", "50", "--training-kwargs", "epochs=1, verbose=0")
	m.kafkaml("stream", "send", m.pointsFile(2200), "--label", "class", "--format", "RAW", "--topic", m.topic("points"), "--deployment", deployment)
	m.finished(deployment, 1)
	m.created("inferences", "create", "--result", "1", "--name", "digits", "--delivery", "source", "--input-topic", m.topic("in"), "--output-topic", m.topic("out"), "--watch")
	m.inference = jsonOf[pipeline.Inference](m.machine, "inferences", "show", "digits")
	return m
}
