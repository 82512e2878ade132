package control

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Misspelling is a member of a control message that nothing reads, and the one that
// was likely meant by it.
type Misspelling struct{ Name, Meant string }

// Misspelt are those of the message that d was made of, by name. Of no account are
// members that ask for nothing, or beside which the right one is there too.
func Misspelt(d pipeline.Datasource) (all []Misspelling) {
	var known []string
	for _, m := range new(message).members() {
		known = append(known, m.name)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Extra)) {
		meant := pipeline.Meant(name, known)
		if meant != "" && meant != name && !Blank(d.Extra[name]) && !says(d, meant) {
			all = append(all, Misspelling{name, meant})
		}
	}
	return all
}

// says reports whether the message of d asked for something by a member.
func says(d pipeline.Datasource, member string) bool {
	d.Extra = nil
	switch {
	case member == "configuration": // which is another name for it
		member = "input_config"
	case d.Asked != nil && member == "since":
		return d.Asked.Since != nil
	case d.Asked != nil && member == "until":
		return d.Asked.Until != nil
	}
	var written map[string]json.RawMessage
	if _, value, err := MessageFor(d, 1).Encode(); err != nil || json.Unmarshal(value, &written) != nil {
		return false
	}
	return !Blank(written[member])
}

// Blank reports whether the value of a member asks for nothing.
func Blank(value json.RawMessage) bool {
	switch string(value) {
	case "", "null", "false", "0", `""`, "{}", `"{}"`:
		return true
	}
	return false
}
