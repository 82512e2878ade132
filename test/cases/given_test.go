package cases

import (
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// givenRows are records without values, or without keys.
func givenRows() []row {
	sent := func(source, format string, config message, change func(i int, r *record)) func(a *attempt) string {
		return func(a *attempt) string {
			m, err := a.model("", source)
			a.must(err)
			records := somePoints(0, 20)
			for i := range records {
				change(i, &records[i])
			}
			_, said := a.send(m, pipeline.DeploymentForm{}, records, format, config)
			return said
		}
	}
	at := func(n int, value []byte) func(int, *record) {
		return func(i int, r *record) {
			if i == n {
				r.value = value
			}
		}
	}
	json := func(n int, value []byte) func(int, *record) {
		return func(i int, r *record) {
			r.value = []byte(`{"a":1,"b":2,"y":1}`)
			at(n, value)(i, r)
		}
	}
	members := message{"data_fields": []string{"a", "b"}, "label_field": "y"}
	keys := func(key []byte) func(int, *record) { return func(_ int, r *record) { r.key = key } }
	rebuild := source("67")
	return []row{
		{id: "B29 null", right: "no value, offset 7", want: []string{"failed", "@7", "tombstone|no value"}, try: sent(points, "RAW", pointConfig, at(7, nil))},
		{id: "B29 empty", right: "empty, offset 7", want: []string{"failed", "@7", "0 bytes|empty"}, try: sent(points, "RAW", pointConfig, at(7, []byte{}))},
		{id: "B29 null, JSON", right: "no value, offset 7", want: []string{"failed", "@7", "tombstone|no value"}, try: sent(points, "JSON", members, json(7, nil))},
		{id: "B29 empty, JSON", right: "empty, offset 7", want: []string{"failed", "@7", "empty|0 bytes"}, try: sent(points, "JSON", members, json(7, []byte{}))},
		{id: "B30 null", right: "no key", want: []string{"failed", "@0", "no key|has none"}, try: sent(points, "RAW", pointConfig, keys(nil))},
		{id: "B30 empty", right: "an empty key", want: []string{"failed", "@0", "empty|0 bytes"}, try: sent(points, "RAW", pointConfig, keys([]byte{}))},
		{id: "B30 no label", right: "trains", want: []string{"finished"}, try: sent(rebuild, "RAW", message{"data_type": "float32", "data_reshape": "8"}, func(_ int, r *record) {
			r.key, r.value = nil, floats(1, 2, 3, 4, 5, 6, 7, 8)
		})},
		{id: "B30 no label, label_type", right: "trains", want: []string{"finished"}, try: sent(rebuild, "RAW", message{"data_type": "float32", "data_reshape": "8", "label_type": "uint8", "label_reshape": ""}, func(_ int, r *record) {
			r.key, r.value = nil, floats(1, 2, 3, 4, 5, 6, 7, 8)
		})},
	}
}
