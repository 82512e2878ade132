package codec

import (
	"reflect"
	"strings"
)

// ConfigMembers are the members of an input_config that formats read, of all of them: one
// that another format than the stream's would read does no harm, as Kafka-ML's
// producers send.
func ConfigMembers() []string {
	all := []string{"key_scheme"} // of AVRO, for its mappings alone
	for _, c := range []any{rawConfig{}, avroConfig{}, jsonConfig{}, protoConfig{}} {
		all = append(all, MembersOf(c)...)
	}
	return all
}

// MembersOf are the names that the fields of a struct have in JSON.
func MembersOf(c any) (names []string) {
	for field := range reflect.TypeOf(c).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
