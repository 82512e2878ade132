package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc64"
	"strings"
)

// singleBytes are those before a record in Avro's single-object encoding: C3 01,
// then the fingerprint of the schema that wrote it.
const singleBytes = 10

// avroRabin is the polynomial of CRC-64-AVRO.
const avroRabin = 0xc15d213aa4d7a795

// avroSingle is what stands before a record that was written by a schema in the
// single-object encoding (Apache Avro 1.12, "Single object encoding"); empty where
// the schema has no canonical form.
func avroSingle(schema string) string {
	d := json.NewDecoder(strings.NewReader(schema))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return ""
	}
	var canonical bytes.Buffer
	if !canonicalAvro(&canonical, v, "", 0) {
		return ""
	}
	b := []byte{0xc3, 0x01}
	return string(binary.LittleEndian.AppendUint64(b, rabin(canonical.Bytes())))
}

// rabinTable is of the fingerprint of each byte.
var rabinTable = crc64.MakeTable(avroRabin)

func rabin(b []byte) uint64 {
	sum := uint64(avroRabin)
	for _, c := range b {
		sum = sum>>8 ^ rabinTable[byte(sum)^c]
	}
	return sum
}

// canonicalAvro writes the parsing canonical form of a schema: names with their
// namespaces, and nothing that plays no part in reading.
func canonicalAvro(to *bytes.Buffer, v any, namespace string, depth int) bool {
	if depth > schemaDepth {
		return false
	}
	switch v := v.(type) {
	case string:
		if !primitiveAvro[v] && !strings.Contains(v, ".") && namespace != "" {
			v = namespace + "." + v
		}
		return quoteAvro(to, v)
	case []any:
		to.WriteByte('[')
		for i, of := range v {
			if i > 0 {
				to.WriteByte(',')
			}
			if !canonicalAvro(to, of, namespace, depth+1) {
				return false
			}
		}
		to.WriteByte(']')
		return true
	case map[string]any:
		return canonicalType(to, v, namespace, depth)
	}
	return false
}

var primitiveAvro = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true,
}

func canonicalType(to *bytes.Buffer, v map[string]any, namespace string, depth int) bool {
	kind, isText := v["type"].(string)
	if !isText {
		return canonicalAvro(to, v["type"], namespace, depth+1)
	}
	if primitiveAvro[kind] {
		return quoteAvro(to, kind)
	}
	to.WriteByte('{')
	if name, named := v["name"].(string); named {
		if of, given := v["namespace"].(string); given && !strings.Contains(name, ".") {
			namespace = of
		}
		if at := strings.LastIndexByte(name, '.'); at >= 0 {
			namespace = name[:at]
		} else if namespace != "" {
			name = namespace + "." + name
		}
		to.WriteString(`"name":`)
		if !quoteAvro(to, name) {
			return false
		}
		to.WriteByte(',')
	}
	to.WriteString(`"type":`)
	if !quoteAvro(to, kind) {
		return false
	}
	ok := true
	member := func(name string, write func(any) bool) {
		if of, given := v[name]; given && ok {
			fmt.Fprintf(to, `,%q:`, name)
			ok = write(of)
		}
	}
	below := func(of any) bool { return canonicalAvro(to, of, namespace, depth+1) }
	member("fields", func(of any) bool { return canonicalFields(to, of, namespace, depth+1) })
	member("symbols", func(of any) bool { return canonicalAvro(to, of, "", depth+1) })
	member("items", below)
	member("values", below)
	member("size", func(of any) bool {
		n, isNumber := of.(json.Number)
		to.WriteString(n.String())
		return isNumber
	})
	to.WriteByte('}')
	return ok
}

func canonicalFields(to *bytes.Buffer, v any, namespace string, depth int) bool {
	fields, ok := v.([]any)
	to.WriteByte('[')
	for i, f := range fields {
		of, isField := f.(map[string]any)
		name, named := of["name"].(string)
		if !isField || !named {
			return false
		}
		if i > 0 {
			to.WriteByte(',')
		}
		to.WriteString(`{"name":`)
		if !quoteAvro(to, name) {
			return false
		}
		to.WriteString(`,"type":`)
		if !canonicalAvro(to, of["type"], namespace, depth+1) {
			return false
		}
		to.WriteByte('}')
	}
	to.WriteByte(']')
	return ok
}

// quoteAvro writes a text as JSON without escapes for HTML.
func quoteAvro(to *bytes.Buffer, text string) bool {
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil {
		return false
	}
	to.Truncate(to.Len() - 1) // its line feed
	return true
}

// withoutSingle is a record without what stands before it in the single-object
// encoding of a schema.
func withoutSingle(record []byte, single string) []byte {
	if len(record) > singleBytes && record[0] == 0xc3 && string(record[:singleBytes]) == single {
		return record[singleBytes:]
	}
	return record
}
