package door

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// lineOf begins the line of the audit about a command of ctx.
func lineOf(ctx context.Context, command, subject string) registry.Audit {
	p := identity.Of(ctx)
	return registry.Audit{Principal: p.ID, Name: p.Name, Role: p.Role.String(), Command: command, Subject: subject, From: identity.Origin(ctx)}
}

// answered is a line with the answer to its command.
func answered(line registry.Audit, reply *event.Event) registry.Audit {
	line.Outcome = outcomeTaken
	if reply == nil {
		return line
	}
	if strings.HasSuffix(reply.Type(), ".rejected.v1") {
		line.Outcome, line.Reason = outcomeRejected, errorOf(*reply).Error()
		return line
	}
	line.Subject = reply.Subject()
	return line
}

// noteTime bounds the writing of one line.
const noteTime = 10 * time.Second

// note stores a line about what left nothing else in the registry. Those whom
// nobody knows are in the log alone: they could make any number of lines.
func (d *door) note(ctx context.Context, line registry.Audit, outcome string, err error) {
	line.Outcome = outcome
	if err != nil {
		line.Reason = err.Error()
	}
	if line.Role == identity.Nobody.String() {
		d.Log.Info("denied", "command", line.Command, "from", line.From, "principal", line.Principal)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err := d.Store.Do(ctx, func(tx *registry.Tx) error { return tx.Audit(line) }); err != nil {
		d.Log.Error("a line of the audit is lost", "line", line, "error", err)
	}
}

// audited notes what was asked of a resource that changes something.
func (d *door) audited(r Resource) http.Handler {
	if strings.HasPrefix(r.Pattern, "GET ") || r.Role == identity.Viewer {
		return need(r.Role, r.Handler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		need(r.Role, r.Handler).ServeHTTP(answer, q)
		outcome := outcomeTaken
		switch {
		case answer.status == http.StatusUnauthorized, answer.status == http.StatusForbidden:
			outcome = outcomeDenied
		case answer.status >= http.StatusInternalServerError:
			outcome = outcomeFailed
		case answer.status >= http.StatusBadRequest:
			outcome = outcomeRejected
		}
		d.note(q.Context(), lineOf(q.Context(), r.Pattern, q.PathValue("id")), outcome, nil)
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// audit is the list of what was commanded.
func (d *door) audit() Resource {
	return Resource{
		Operation: api.Operation{Pattern: "GET /audit"}, Handler: List(d.Store, (*registry.Tx).Audits), Role: identity.Operator,
	}
}
