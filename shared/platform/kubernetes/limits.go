package kubernetes

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Limits are what an operator lets people ask of the cluster. What chooses nodes or
// pushes others aside is refused unless it is named.
type Limits struct {
	CPU, Memory     resource.Quantity // of a training
	Scratch         resource.Quantity // what its temporary files may take: its records, where memory does not hold them
	GPUs            int               // of a training
	NodeSelectors   []string          // LABEL=VALUE; * stands for any text
	Tolerations     []string          // KEY or KEY=VALUE of taints, as above
	PriorityClasses []string          // as above
}

// LimitsVariable holds the limits, as ParseLimits reads them.
const LimitsVariable = "KAFKAML_LIMITS"

const limitsHint = "such as cpu=32 memory=64Gi scratch=64Gi gpus=8 node_selector=accelerator=* toleration=nvidia.com/gpu priority_class=batch-*"

// DefaultLimits are those of an operator who says nothing.
func DefaultLimits() Limits {
	return Limits{CPU: resource.MustParse("32"), Memory: resource.MustParse("64Gi"), Scratch: resource.MustParse("64Gi"), GPUs: 8}
}

// ParseLimits reads limits from text: NAME=VALUE, with blanks or commas between them;
// those of patterns may stand several times. What it does not name has its default.
func ParseLimits(text string) (l Limits, err error) {
	l = DefaultLimits()
	for item := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		name, value, ok := strings.Cut(item, "=")
		if !ok || value == "" {
			return l, pipeline.Invalidf(LimitsVariable, "%q is not NAME=VALUE", item).WithHint("%s", limitsHint)
		}
		switch name {
		case "cpu":
			l.CPU, err = quantity(LimitsVariable, value, "")
		case "memory":
			l.Memory, err = quantity(LimitsVariable, value, "")
		case "scratch":
			l.Scratch, err = quantity(LimitsVariable, value, "")
		case "gpus":
			if l.GPUs, err = strconv.Atoi(value); err != nil || l.GPUs < 0 {
				err = pipeline.Invalidf(LimitsVariable, "%q is not a number of GPUs", value)
			}
		case "node_selector":
			l.NodeSelectors = append(l.NodeSelectors, value)
		case "toleration":
			l.Tolerations = append(l.Tolerations, value)
		case "priority_class":
			l.PriorityClasses = append(l.PriorityClasses, value)
		default:
			err = pipeline.Invalidf(LimitsVariable, "there is no limit %q", name).WithHint("%s", limitsHint)
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

// Check refuses what a deployment asks for beyond the limits.
func (l Limits) Check(r pipeline.Resources, gpus int) error {
	for _, q := range []struct {
		field, asked string
		most         resource.Quantity
	}{{"resources.cpu", r.CPU, l.CPU}, {"resources.memory", r.Memory, l.Memory}} {
		if q.asked == "" {
			continue
		}
		asked, err := quantity(q.field, q.asked, "")
		if err != nil {
			return err
		}
		if asked.Cmp(q.most) > 0 {
			return beyond(q.field, "%s is more than the %s that a training may have here", q.asked, q.most.String())
		}
	}
	if gpus > l.GPUs {
		return beyond("gpus", "%d are more than the %d that a training may have here", gpus, l.GPUs)
	}
	for label, value := range r.NodeSelector {
		if !allows(l.NodeSelectors, label+"="+value) {
			return beyond("resources.node_selector", "%s=%s may not be chosen here; %s", label, value, named(l.NodeSelectors))
		}
	}
	if r.PriorityClass != "" && !allows(l.PriorityClasses, r.PriorityClass) {
		return beyond("resources.priority_class", "%s may not be taken here; %s", r.PriorityClass, named(l.PriorityClasses))
	}
	return l.checkTolerations(r.Tolerations)
}

func (l Limits) checkTolerations(raw json.RawMessage) error {
	all, err := tolerations(raw)
	if err != nil {
		return err
	}
	for _, t := range all {
		asked := t.Key
		if t.Operator != corev1.TolerationOpExists {
			asked += "=" + t.Value
		}
		if asked == "" {
			asked = "all taints"
		}
		if !allows(l.Tolerations, t.Key) && !allows(l.Tolerations, asked) {
			return beyond("resources.tolerations", "%s may not be tolerated here; %s", asked, named(l.Tolerations))
		}
	}
	return nil
}

// allows reports whether one of the patterns stands for text. Nothing is not allowed
// by what stands for anything: a toleration without a key is of every taint.
func allows(patterns []string, text string) bool {
	flat := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") } // which * is to match, too
	return text != "" && slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(flat(p), flat(text))
		return ok && err == nil
	})
}

func named(patterns []string) string {
	if len(patterns) == 0 {
		return "none may"
	}
	return "those that may: " + strings.Join(patterns, ", ")
}

func beyond(field, format string, args ...any) error {
	return pipeline.Invalidf(field, format, args...).
		WithHint("ask for less, or have whoever runs this installation allow it in %s of its ConfigMap", LimitsVariable)
}
