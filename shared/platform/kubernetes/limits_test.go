package kubernetes

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// What a deployment asks of the cluster is what its operator allows, and nothing
// that chooses nodes or pushes others aside unless it is named.
func TestAttackResourcesBeyondTheLimits(t *testing.T) {
	some, err := ParseLimits("memory=8Gi, cpu=4 gpus=1\nnode_selector=kafkaml.io/pool=train-* toleration=nvidia.com/gpu toleration=spot=true priority_class=batch-*")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		asked       pipeline.Resources
		gpus        int
		field       string // refused by default
		fieldOfSome string // refused by some
	}{
		"nothing":                 {},
		"a little":                {asked: pipeline.Resources{CPU: "500m", Memory: "4Gi"}, gpus: 1},
		"much memory":             {asked: pipeline.Resources{Memory: "1Ti"}, field: "resources.memory", fieldOfSome: "resources.memory"},
		"more memory":             {asked: pipeline.Resources{Memory: "9Gi"}, fieldOfSome: "resources.memory"},
		"memory in other words":   {asked: pipeline.Resources{Memory: "100000000000000m"}, field: "resources.memory", fieldOfSome: "resources.memory"},
		"no quantity":             {asked: pipeline.Resources{Memory: "lots"}, field: "resources.memory", fieldOfSome: "resources.memory"},
		"many processors":         {asked: pipeline.Resources{CPU: "33"}, field: "resources.cpu", fieldOfSome: "resources.cpu"},
		"many GPUs":               {gpus: 64, field: "gpus", fieldOfSome: "gpus"},
		"a pool":                  {asked: pipeline.Resources{NodeSelector: map[string]string{"kafkaml.io/pool": "train-1"}}, field: "resources.node_selector"},
		"another pool":            {asked: pipeline.Resources{NodeSelector: map[string]string{"kafkaml.io/pool": "control"}}, field: "resources.node_selector", fieldOfSome: "resources.node_selector"},
		"the control plane":       {asked: pipeline.Resources{NodeSelector: map[string]string{"node-role.kubernetes.io/control-plane": ""}}, field: "resources.node_selector", fieldOfSome: "resources.node_selector"},
		"a class":                 {asked: pipeline.Resources{PriorityClass: "batch-low"}, field: "resources.priority_class"},
		"the first of all":        {asked: pipeline.Resources{PriorityClass: "system-node-critical"}, field: "resources.priority_class", fieldOfSome: "resources.priority_class"},
		"a taint of GPUs":         {asked: pipeline.Resources{Tolerations: json.RawMessage(`[{"key":"nvidia.com/gpu","operator":"Exists"}]`)}, field: "resources.tolerations"},
		"a taint by value":        {asked: pipeline.Resources{Tolerations: json.RawMessage(`[{"key":"spot","value":"true"}]`)}, field: "resources.tolerations"},
		"another value":           {asked: pipeline.Resources{Tolerations: json.RawMessage(`[{"key":"spot","value":"false"}]`)}, field: "resources.tolerations", fieldOfSome: "resources.tolerations"},
		"every taint":             {asked: pipeline.Resources{Tolerations: json.RawMessage(`[{"operator":"Exists"}]`)}, field: "resources.tolerations", fieldOfSome: "resources.tolerations"},
		"a taint among allowed":   {asked: pipeline.Resources{Tolerations: json.RawMessage(`[{"key":"nvidia.com/gpu","operator":"Exists"},{"key":"x","operator":"Exists"}]`)}, field: "resources.tolerations", fieldOfSome: "resources.tolerations"},
		"tolerations that are no": {asked: pipeline.Resources{Tolerations: json.RawMessage(`{}`)}, field: "resources.tolerations", fieldOfSome: "resources.tolerations"},
	} {
		t.Run(name, func(t *testing.T) {
			for limits, field := range map[*Limits]string{new(DefaultLimits()): c.field, &some: c.fieldOfSome} {
				err := limits.Check(c.asked, c.gpus)
				var refusal *pipeline.Error
				if field == "" && err == nil {
					continue
				}
				if !errors.As(err, &refusal) || refusal.Field != field || refusal.Kind != pipeline.Invalid {
					t.Errorf("got %v, want a refusal of %q", err, field)
				}
			}
		})
	}
}

func TestParseLimitsRefuses(t *testing.T) {
	for text, says := range map[string]string{"memory": "NAME=VALUE", "memory=lots": "quantity", "gpus=-1": "number of GPUs", "colour=red": "no limit"} {
		if _, err := ParseLimits(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
