package door

import (
	"context"
	"errors"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// commanding is the role that a command takes.
const commanding = identity.Editor

// operatorOnly gives, by type of command, what of its members concerns other
// people's work or the cluster: the first that is there, "" for none.
var operatorOnly = map[string]func(event.Event) string{
	eventing.DeploymentCreate: func(e event.Event) string {
		var form pipeline.DeploymentForm
		if eventing.Apply[pipeline.DeploymentForm](e, &form) != nil || form.Resources == nil { // the command refuses what it cannot read
			return ""
		}
		switch r := form.Resources; {
		case len(r.NodeSelector) > 0:
			return "resources.node_selector"
		case len(r.Tolerations) > 0 && string(r.Tolerations) != "[]":
			return "resources.tolerations"
		case r.PriorityClass != "":
			return "resources.priority_class"
		}
		return ""
	},
}

// mayCommand is nil where the principal of ctx may give the command e.
func mayCommand(ctx context.Context, e event.Event) error {
	if err := identity.Need(ctx, commanding); err != nil {
		return err
	}
	members := operatorOnly[e.Type()]
	if members == nil {
		return nil
	}
	field := members(e)
	if field == "" {
		return nil
	}
	err := identity.Need(ctx, identity.Operator)
	var refused *pipeline.Error
	if errors.As(err, &refused) {
		refused.Field = field
		return refused.WithHint("leave it out, or ask an operator of this installation")
	}
	return err
}

// need serves next to those who have the role; where none is said, reading
// takes a viewer and anything else an editor.
func need(role identity.Role, next http.Handler) http.Handler {
	if role == identity.Nobody {
		return guard.ByMethod(next)
	}
	return guard.Need(role, next)
}

// machineOnly takes whoever asks for an operator where no guard stands before a
// door and says who it is, as in a process that serves a step to itself.
func machineOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := identity.Of(r.Context())
		p.Role = identity.Operator
		next.ServeHTTP(w, r.WithContext(identity.With(r.Context(), p)))
	})
}
