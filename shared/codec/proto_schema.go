package codec

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// What a schema of Protobuf may be: it comes from whoever writes to a registry,
// or with a message.
const (
	protoBytes  = 8 << 20
	protoDepth  = 64 // of braces
	protoFile   = "schema.proto"
	protoImport = 200
)

// confluentProtos are files that Confluent's serializers know by themselves, and
// so register none for.
var confluentProtos = map[string]string{
	"confluent/meta.proto": `syntax = "proto3"; package confluent;
import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }`,
	"confluent/type/decimal.proto": `syntax = "proto3"; package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`,
}

// protoOf reads a schema: the text of a .proto file, or a FileDescriptorSet or
// FileDescriptorProto in base64. Imports are those of s.References by s.Names,
// and what every compiler brings along.
func protoOf(s Schema) (file protoreflect.FileDescriptor, err error) {
	if s.Type != "" && s.Type != "PROTOBUF" {
		return nil, &Fault{"it is of the type " + s.Type, "announce the stream with the input_format of that type"}
	}
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("it cannot be compiled: %v", p)
		}
	}()
	if set, ok := descriptorSet(s.Text); ok && len(s.References) == 0 && len(set.File) > 1 {
		return lastFile(set)
	}
	texts := map[string]string{protoFile: s.Text}
	for i, text := range s.References {
		if i < len(s.Names) {
			texts[s.Names[i]] = text
		}
	}
	for name, text := range texts {
		if err := boundedProto(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, text := range confluentProtos {
		if _, given := texts[name]; !given {
			texts[name] = text
		}
	}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protoTexts(texts)), MaxParallelism: 1}
	files, err := compiler.Compile(context.Background(), protoFile)
	if err != nil {
		return nil, fmt.Errorf("it is not a .proto file that compiles: %w", err)
	}
	return files[0], nil
}

// protoTexts are files by their paths: texts, or descriptors in base64, as
// Confluent's serializer for Python registers them.
type protoTexts map[string]string

// FindFileByPath implements protocompile.Resolver.
func (t protoTexts) FindFileByPath(path string) (found protocompile.SearchResult, err error) {
	text, known := t[path]
	if !known {
		return found, protoregistry.NotFound
	}
	if set, ok := descriptorSet(text); ok {
		file := set.File[0]
		file.Name = &path
		nameJSON(file.MessageType)
		found.Proto = file
		return found, nil
	}
	found.Source = strings.NewReader(text)
	return found, nil
}

// nameJSON gives fields the names of JSON that protoc leaves out of the code that it
// generates for Python: the compiler takes an absent one for an empty one.
func nameJSON(messages []*descriptorpb.DescriptorProto) {
	for _, m := range messages {
		for _, f := range m.Field {
			if f.GetJsonName() == "" {
				f.JsonName = new(camelCase(f.GetName()))
			}
		}
		nameJSON(m.NestedType)
	}
}

// camelCase is the name of a field in JSON (Protocol Buffers, "ProtoJSON Format").
func camelCase(name string) string {
	var b strings.Builder
	up := false
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_':
			up = true
			continue
		case up && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		up = false
		b.WriteByte(c)
	}
	return b.String()
}

// boundedProto refuses a text that would take a compiler too much.
func boundedProto(text string) error {
	if len(text) > protoBytes {
		return fmt.Errorf("it is larger than %d MiB", protoBytes>>20)
	}
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{', '[', '(', '<':
			depth++
		case '}', ']', ')', '>':
			depth = max(0, depth-1)
		}
		if depth > protoDepth {
			return fmt.Errorf("it is nested more than %d deep", protoDepth)
		}
	}
	if strings.Count(text, "import") > 10*protoImport {
		return fmt.Errorf("it imports too many files")
	}
	return nil
}

// descriptorSet reads what protoc --descriptor_set_out writes, in base64.
func descriptorSet(text string) (*descriptorpb.FileDescriptorSet, bool) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) == 0 {
		return nil, false
	}
	unmarshal := proto.UnmarshalOptions{RecursionLimit: protoDepth}
	set := &descriptorpb.FileDescriptorSet{}
	if unmarshal.Unmarshal(raw, set) == nil && len(set.File) > 0 && set.File[0].GetName() != "" {
		return set, true
	}
	one := &descriptorpb.FileDescriptorProto{}
	if unmarshal.Unmarshal(raw, one) == nil && one.GetName() != "" {
		return &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{one}}, true
	}
	return nil, false
}

// lastFile is the file that a set was made for: protoc writes it after those that
// it imports.
func lastFile(set *descriptorpb.FileDescriptorSet) (protoreflect.FileDescriptor, error) {
	files := &protoregistry.Files{}
	known := setResolver{protoregistry.GlobalFiles, files}
	var file protoreflect.FileDescriptor
	for _, f := range set.File {
		var err error
		if file, err = protodesc.NewFile(f, known); err != nil {
			return nil, fmt.Errorf("file %s of the descriptors: %w; protoc --include_imports writes all that it takes", f.GetName(), err)
		}
		if err := files.RegisterFile(file); err != nil {
			return nil, err
		}
	}
	return file, nil
}

// setResolver finds files of a set, else those of Google that this program has.
type setResolver struct {
	google *protoregistry.Files
	first  *protoregistry.Files
}

// FindFileByPath implements protodesc.Resolver.
func (r setResolver) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if f, err := r.first.FindFileByPath(path); err == nil || !strings.HasPrefix(path, "google/protobuf/") {
		return f, err
	}
	return r.google.FindFileByPath(path)
}

// FindDescriptorByName implements protodesc.Resolver.
func (r setResolver) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := r.first.FindDescriptorByName(name); err == nil || !strings.HasPrefix(string(name), "google.protobuf.") {
		return d, err
	}
	return r.google.FindDescriptorByName(name)
}

// messageNamed is the message of a name, with or without its package; the only
// one where none is named.
func messageNamed(file protoreflect.FileDescriptor, name string) (protoreflect.MessageDescriptor, error) {
	all := allMessages(file.Messages(), nil)
	if len(all) == 0 {
		return nil, errors.New("it holds no message")
	}
	if top := file.Messages(); name == "" && top.Len() == 1 {
		return top.Get(0), nil
	}
	var found []protoreflect.MessageDescriptor
	var names []string
	for _, m := range all {
		names = append(names, string(m.FullName()))
		if name == string(m.FullName()) {
			return m, nil
		}
		if name != "" && strings.HasSuffix("."+string(m.FullName()), "."+name) {
			found = append(found, m)
		}
	}
	const most = 20
	switch {
	case len(found) == 1:
		return found[0], nil
	case name == "":
		return nil, &Fault{"it holds several messages", "name the one of the records: " + firstOf(names, most)}
	}
	return nil, &Fault{fmt.Sprintf("it holds no message %q, or several", name), "the messages are " + firstOf(names, most)}
}

func allMessages(in protoreflect.MessageDescriptors, all []protoreflect.MessageDescriptor) []protoreflect.MessageDescriptor {
	for i := range in.Len() {
		if m := in.Get(i); !m.IsMapEntry() {
			all = allMessages(m.Messages(), append(all, m))
		}
	}
	return all
}

// messageAt is the message that a record's indexes lead to: that of the file, then
// those within.
func messageAt(file protoreflect.FileDescriptor, indexes []int) (protoreflect.MessageDescriptor, error) {
	in := file.Messages()
	var m protoreflect.MessageDescriptor
	for _, i := range indexes {
		if i < 0 || i >= in.Len() {
			return nil, fmt.Errorf("the record is of message %v of the schema, which has no such message", indexes)
		}
		m = in.Get(i)
		in = m.Messages()
	}
	return m, nil
}
