package inspect

import (
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// say puts a report into words.
func (r *Report) say() {
	v := &r.Value
	n := v.Of[v.Kind]
	of := fmt.Sprintf("%d of %d records", n, r.Records)
	if n == r.Records {
		of = fmt.Sprintf("all of %d records", n)
	}
	if r.Records == 0 {
		r.Says, r.Hint = "the topic holds no records", "look again once a producer has written to it"
		return
	}
	switch v.Kind {
	case KindJSON:
		r.Format, r.Says = pipeline.JSON, of+" are JSON"
		if len(v.Fields) == 1 && v.Fields[0].Path == "" {
			r.Says, r.Hint = of+" are JSON without members", "RAW reads arrays of bytes; JSON wants an object whose members have names"
			r.Format = ""
		}
	case KindAvro:
		r.Format, r.Says = pipeline.AVRO, of+" are AVRO of the schema registry"+ids(v.Schemas)
	case KindProtobuf:
		r.Format, r.Says = pipeline.PROTOBUF, of+" are Protobuf of the schema registry"+ids(v.Schemas)
	case KindTelegraf:
		r.Format, r.Says = pipeline.TelegrafJSON, of+" are JSON in Telegraf's fields.value"
		r.Hint = "they are for inference: they hold no label"
	case KindFramed:
		r.Says, r.Hint = of+" are framed by a schema registry: "+v.Fault, "set SCHEMA_REGISTRY_URL for the installation to the registry that they were written with"
	case KindText:
		r.Says, r.Hint = of+" are text", "RAW with data_type string takes each as the one text of a model's input; for columns, send them as JSON"
		r.Format = pipeline.RAW
	case KindBinary:
		r.binary(of)
	case KindNone:
		r.Says, r.Hint = of+" have no value: they are tombstones", "look at another topic, or at another time"
	}
	if others := r.others(); n < r.Records && others != "" {
		r.Says += "; " + others
	}
}

// binary is what can be said of bytes alone.
func (r *Report) binary(of string) {
	v := &r.Value
	if v.Sizes[0] != v.Sizes[1] {
		r.Says = fmt.Sprintf("%s are binary, of %d to %d bytes", of, v.Sizes[0], v.Sizes[1])
		r.Hint = "if they are AVRO without framing, give the schema that wrote them as data_scheme"
		return
	}
	size := v.Sizes[0]
	r.Format, r.Says = pipeline.RAW, fmt.Sprintf("%s are binary, each of %d bytes", of, size)
	var may []string
	for _, t := range []struct {
		name  string
		bytes int
	}{{"uint8", 1}, {"float32", 4}, {"float64", 8}} {
		if size%t.bytes == 0 {
			may = append(may, fmt.Sprintf("%d of %s", size/t.bytes, t.name))
		}
	}
	r.Hint = "as RAW that is " + strings.Join(may, ", or ") + "; if they are AVRO without framing, give the schema that wrote them as data_scheme"
}

func (r *Report) others() string {
	var all []string
	for _, kind := range []string{KindJSON, KindAvro, KindProtobuf, KindTelegraf, KindFramed, KindText, KindBinary, KindNone} {
		if n := r.Value.Of[kind]; n > 0 && kind != r.Value.Kind {
			word := map[string]string{KindNone: "tombstones", KindFramed: "framed by a registry"}[kind]
			if word == "" {
				word = kind
			}
			all = append(all, fmt.Sprintf("%d are %s", n, word))
		}
	}
	return strings.Join(all, ", ")
}

func ids(all []uint32) string {
	const shown = 5
	if len(all) == 0 {
		return ""
	}
	text := fmt.Sprint(all[:min(len(all), shown)])
	word := " (schema "
	if len(all) > 1 {
		word = " (schemas "
	}
	text = strings.ReplaceAll(strings.Trim(text, "[]"), " ", ", ")
	if len(all) > shown {
		text += ", ..."
	}
	return word + text + ")"
}
