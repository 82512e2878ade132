package eventing

import "github.com/kafkaml/kafkaml/eventing/schema"

// PayloadSchema makes the schema of typ's data with its definitions in set, and
// gives the sentence that says what it is.
func PayloadSchema(typ string, set *schema.Set) (s schema.Schema, about string, ok bool) {
	p, ok := payloads[typ]
	if !ok {
		return s, "", false
	}
	return p.make(set), p.about, true
}
