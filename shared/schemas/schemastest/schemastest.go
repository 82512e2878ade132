// Package schemastest runs a real schema registry, Apicurio, and produces records
// by Confluent's own serializers. Nothing here is a substitute for either.
package schemastest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/shared/toolchain/toolchaintest"
)

// javaFlags keep the registry small and quick to start.
var javaFlags = []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1", "-Dquarkus.http.port=0"}

// Client is a client of a registry that waits for an answer as long as the test
// lasts: by default one gives up after 5 seconds.
func Client(t testing.TB, url string) *sr.Client {
	t.Helper()
	c, err := sr.NewClient(sr.URLs(url), sr.HTTPClient(&http.Client{}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Registry starts a registry, empty, for the length of a test and gives the URL
// of its Confluent API.
func Registry(t testing.TB) (url string) {
	t.Helper()
	jar, _, err := toolchain.Schemas()
	if err != nil {
		t.Fatalf("%v: run `make schemas`", err)
	}
	process := exec.Command("java", append(javaFlags[:len(javaFlags):len(javaFlags)], "-jar", jar)...) //nolint:noctx // it ends with the test
	process.Dir = t.TempDir()
	return toolchaintest.Quarkus(t, "the schema registry", process) + "/apis/ccompat/v7"
}

//go:embed produce.py
var produce []byte

// Batch is records of one schema. Values and keys are what the schema makes of
// JSON; a nil Key is none.
type Batch struct {
	Format     string      `json:"format,omitempty"`  // AVRO unless given, JSON or PROTOBUF
	Message    string      `json:"message,omitempty"` // of PROTOBUF: the name of the records' message
	Schema     string      `json:"schema"`
	KeySchema  string      `json:"key_schema,omitempty"`
	References []Reference `json:"references,omitempty"` // of Schema
	Records    []Record    `json:"records"`

	Descriptors []byte `json:"descriptors,omitempty"` // of PROTOBUF: Produce makes them of Schema
}

// Reference is a schema that another refers to by name.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Schema  string `json:"schema"`
}

// Record is a record before it is serialized.
type Record struct {
	Key   any `json:"key,omitempty"`
	Value any `json:"value"`
}

// Produce sends batches, one after the other, to partition 0 of a topic by
// confluent-kafka, whose serializers register the schemas, and gives the ids of
// the schemas of the values.
func Produce(t testing.TB, brokers []string, registry, topic string, batches ...Batch) (ids []uint32) {
	t.Helper()
	python, _, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	_, site, err := toolchain.Schemas()
	if err != nil {
		t.Fatal(err)
	}
	for i := range batches {
		if b := &batches[i]; b.Format == "PROTOBUF" {
			b.Descriptors = descriptors(t, b)
		}
	}
	script := filepath.Join(t.TempDir(), "produce.py")
	if err := os.WriteFile(script, produce, 0o600); err != nil {
		t.Fatal(err)
	}
	work, err := json.Marshal(map[string]any{"brokers": strings.Join(brokers, ","), "registry": registry, "topic": topic, "batches": batches})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), python, script)
	c.Env = append(os.Environ(), "PYTHONPATH="+site)
	c.Stdin = bytes.NewReader(work)
	var trouble strings.Builder
	c.Stderr = &trouble
	out, err := c.Output()
	if err == nil {
		err = json.Unmarshal(out, &ids)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("confluent-kafka: %w\n%s", err, trouble.String()))
	}
	return ids
}

// descriptors are a .proto file and what it imports, as protoc writes them.
func descriptors(t testing.TB, b *Batch) []byte {
	t.Helper()
	const main = "records.proto"
	texts := map[string]string{main: b.Schema}
	for _, r := range b.References {
		texts[r.Name] = r.Schema
	}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(texts)})}
	files, err := c.Compile(t.Context(), main)
	if err != nil {
		t.Fatal(err)
	}
	set, seen := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		file := protodesc.ToFileDescriptorProto(f)
		asInPython(file.MessageType)
		set.File = append(set.File, file)
	}
	add(files[0])
	all, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// asInPython leaves out what protoc leaves out of the code that it generates for
// Python.
func asInPython(messages []*descriptorpb.DescriptorProto) {
	for _, m := range messages {
		for _, f := range m.Field {
			f.JsonName = nil
		}
		asInPython(m.NestedType)
	}
}
