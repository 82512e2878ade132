package streamtest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// Guarded is an Apache Kafka with ACLs, where User may do nothing but what Allow adds.
type Guarded struct {
	Config stream.Config // by which User comes in
	admin  string        // host:port of the listener that asks nobody, whose visitors may do all
}

// NewGuarded starts a Kafka with ACLs for one test.
func NewGuarded(t testing.TB) *Guarded {
	t.Helper()
	lib, err := toolchain.Kafka()
	if err != nil {
		t.Fatalf("%v: run `make kafka`", err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Listening(context.Background(), lib, filepath.Join(t.TempDir(), "kafka"), 0, broker.Options{
		Listeners: []broker.Listener{{Name: "GUARDED", Port: port, Protocol: "SASL_PLAINTEXT", Properties: []string{
			"sasl.enabled.mechanisms=" + stream.ScramSHA512,
			"scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		}}},
		Properties: []string{"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS"},
		Format:     []string{"--add-scram", stream.ScramSHA512 + "=[name=" + User + ",password=" + Password + "]"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBroker(t, b) })
	return &Guarded{admin: b.Addr, Config: stream.Config{
		Brokers: []string{address(port)}, SASL: stream.SASL{Mechanism: stream.ScramSHA512, Username: User, Password: Password},
	}}
}

// Allow lets User do operations with what has this name.
func (g *Guarded) Allow(t testing.TB, kind kmsg.ACLResourceType, name string, operations ...kmsg.ACLOperation) {
	t.Helper()
	admin, err := kgo.NewClient(kgo.SeedBrokers(g.admin))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ask := kmsg.NewPtrCreateACLsRequest()
	for _, o := range operations {
		acl := kmsg.NewCreateACLsRequestCreation()
		acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = kind, name, kmsg.ACLResourcePatternTypeLiteral
		acl.Principal, acl.Host, acl.Operation, acl.PermissionType = "User:"+User, "*", o, kmsg.ACLPermissionTypeAllow
		ask.Creations = append(ask.Creations, acl)
	}
	answer, err := ask.RequestWith(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.Results {
		if r.ErrorCode != 0 {
			t.Fatalf("ACL of %s: error %d %v", name, r.ErrorCode, r.ErrorMessage)
		}
	}
}
