package codec

import (
	"bytes"
	"encoding/json"
	"errors"
)

// AvroPlain leaves out of a schema what plays no part in reading the numbers of
// records: the defaults, of fields and of enums, and the logical types, at any
// depth. A writer's default need not suit its type, and goavro refuses a schema
// for one that does not.
func AvroPlain(schema string) (string, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(schema)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	if d.More() {
		return "", errors.New("something follows the schema")
	}
	strip(v)
	plain, err := json.Marshal(v)
	return string(plain), err
}

func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "default")
		delete(v, "logicalType")
		for _, of := range v {
			strip(of)
		}
	case []any:
		for _, of := range v {
			strip(of)
		}
	}
}
