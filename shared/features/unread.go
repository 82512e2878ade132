package features

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Unread says which members of an input_config nothing reads, such as one that is
// spelt wrong: what it was to say, a filter maybe, is not done. It is empty where
// there is none.
func Unread(config json.RawMessage) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(config, &all) != nil { // what is no object, the formats refuse
		return ""
	}
	known := append(codec.ConfigMembers(), codec.MembersOf(members{})...)
	var unread []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) { // as JSON is read
			continue
		}
		said := fmt.Sprintf("%q", name)
		if meant := pipeline.Meant(name, known); meant != "" {
			said += fmt.Sprintf(" (is %q meant?)", meant)
		}
		unread = append(unread, said)
	}
	if len(unread) == 0 {
		return ""
	}
	const shown = 8
	if n := len(unread) - shown; n > 0 {
		unread = append(unread[:shown], fmt.Sprintf("%d more", n))
	}
	return "nothing reads these members of the input_config, so that they have no effect: " + strings.Join(unread, ", ")
}
