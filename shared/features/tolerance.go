package features

import (
	"encoding/json"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Tolerance is what becomes of a training by records that are at fault. The zero
// value takes none.
type Tolerance struct {
	skip bool
	most int64 // 0: a hundredth of the records
}

// Most is how many records of so many may be skipped.
func (t Tolerance) Most(records int64) int64 {
	const hundredth = 100
	switch {
	case !t.skip:
		return 0
	case t.most > 0:
		return t.most
	}
	return (records + hundredth - 1) / hundredth
}

// Skips reports whether records at fault are skipped.
func (t Tolerance) Skips() bool { return t.skip }

// parseTolerance reads "fail", "skip" or {"skip": n}.
func parseTolerance(raw json.RawMessage) (t Tolerance, err error) {
	if !said(raw) {
		return t, nil
	}
	const member, hint = "input_config.on_bad", `use "fail", "skip" (up to 1 %% of the records) or {"skip": 100}`
	var word string
	if json.Unmarshal(raw, &word) == nil {
		switch word {
		case "fail":
			return t, nil
		case "skip":
			return Tolerance{skip: true}, nil
		}
		return t, pipeline.Invalidf(member, "%q is not what can be done with records at fault", word).WithHint(hint)
	}
	var bound map[string]int64
	if json.Unmarshal(raw, &bound) != nil || len(bound) != 1 || bound["skip"] < 1 {
		return t, pipeline.Invalidf(member, "%s is not what can be done with records at fault", clip(raw)).WithHint(hint)
	}
	return Tolerance{skip: true, most: bound["skip"]}, nil
}

// clip keeps a message readable whatever came.
func clip(raw []byte) string {
	const shown = 60
	if len(raw) > shown {
		return string(raw[:shown]) + "..."
	}
	return string(raw)
}
