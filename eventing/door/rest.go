package door

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// rest is the handler of one route: the request becomes an event, the event
// goes the way of the event door, the answer's data is the resource.
func (d *door) rest(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		e, err := d.eventOf(route, r)
		if err != nil {
			d.metrics.observe(route.Type, outcomeMalformed, start)
			Problem(w, err)
			return
		}
		d.answer(w, r, route, e, start)
	}
}

// answer carries out the command of a route's event.
func (d *door) answer(to http.ResponseWriter, r *http.Request, route Route, e event.Event, start time.Time) {
	w := &statusWriter{ResponseWriter: to, status: http.StatusOK}
	ctx, span := commanded(r, e)
	reply, outcome, err := d.handle(ctx, e)
	defer func() { tracing.Answered(span, w.status, err) }()
	d.metrics.observe(route.Type, outcome, start)
	switch {
	case err != nil:
		Problem(w, err)
	case reply == nil:
		w.WriteHeader(http.StatusNoContent)
	case reply.Type() == eventing.Rejected(route.Type):
		err = errorOf(*reply)
		Problem(w, err)
	default:
		writeResource(w, r, route, *reply)
	}
}

// eventOf makes a route's event.
func (d *door) eventOf(route Route, r *http.Request) (event.Event, error) {
	body, err := readBody(r)
	if err != nil {
		return event.Event{}, err
	}
	subject := ""
	if s := r.PathValue("id"); s != "" {
		id, err := PathID(r)
		if err != nil {
			return event.Event{}, err
		}
		subject = strconv.FormatInt(id, 10)
	}
	var data any
	if len(body) > 0 {
		data = json.RawMessage(body)
	}
	return d.newCommand(route, r, subject, data), nil
}

// newCommand is the event of a route with data. The header Idempotency-Key is
// its id where the client gives one.
func (d *door) newCommand(route Route, r *http.Request, subject string, data any) event.Event {
	e := eventing.New(route.Type, d.restSource(), subject, data)
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		// One key belongs to one route: a client may number its requests.
		e.SetID(route.Type + "/" + subject + "/" + key)
	} else {
		e.SetID(uuid.NewString())
	}
	return e
}

// readBody reads a JSON body, or none.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, malformed("body", err)
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // of a file that an editor of Windows wrote
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil, &pipeline.Error{
			Kind: pipeline.Invalid, Field: "content-type", Reason: fmt.Sprintf("%q is not accepted here", r.Header.Get("Content-Type")),
			Hint: "send application/json", Err: eventing.ErrMediaType,
		}
	}
	if !json.Valid(body) {
		return nil, malformed("body", json.Unmarshal(body, new(any)))
	}
	return body, nil
}

func malformed(field string, err error) error {
	return &pipeline.Error{
		Kind: pipeline.Invalid, Field: field, Reason: "cannot be read: " + err.Error(), Err: errors.Join(errMalformed, err),
	}
}

// errorOf turns a rejection back into the error it came from.
func errorOf(rejected event.Event) error {
	var r eventing.Rejection
	if err := json.Unmarshal(rejected.Data(), &r); err != nil {
		return fmt.Errorf("read the rejection: %w", err)
	}
	return &pipeline.Error{Op: r.Op, Kind: r.Kind, Field: r.Field, Reason: r.Reason, Hint: r.Hint, At: r.At}
}

func writeResource(w http.ResponseWriter, r *http.Request, route Route, fact event.Event) {
	status := http.StatusOK
	if route.Made != "" {
		status = http.StatusCreated
		w.Header().Set("Location", prefix(r)+route.Made+"/"+fact.Subject())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(fact.Data()) // the client may be gone
}

// prefix is what stood before the function's own path: in local mode each
// function lies under its name.
func prefix(r *http.Request) string {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, r.URL.Path)
}

// PathID is the {id} of a request's path.
func PathID(r *http.Request) (int64, error) {
	return parseID("id", r.PathValue("id"))
}

// ReadJSON reads a request's JSON body strictly into v.
func ReadJSON(r *http.Request, v any) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return eventing.ExplainJSON(err)
	}
	return nil
}

// WriteJSON answers 200 with v as JSON.
func WriteJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		Problem(w, fmt.Errorf("write JSON: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // the client may be gone
}

// Get serves one resource, the id of which is the {id} of the path:
// door.Get(store, (*registry.Tx).Model).
func Get[T any](store *registry.Store, read func(*registry.Tx, int64) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := PathID(r)
		if err != nil {
			Problem(w, err)
			return
		}
		v, err := registry.Read(r.Context(), store, func(tx *registry.Tx) (T, error) { return read(tx, id) })
		if err != nil {
			Problem(w, err)
			return
		}
		WriteJSON(w, v)
	}
}

// List serves a page of resources, filtered by the references it holds:
// door.List(store, (*registry.Tx).Results, "deployment", "model").
func List[T any](store *registry.Store, read func(*registry.Tx, registry.Query) (registry.Page[T], error), by ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := ListQuery(r, by...)
		if err != nil {
			Problem(w, err)
			return
		}
		page, err := registry.Read(r.Context(), store, func(tx *registry.Tx) (registry.Page[T], error) { return read(tx, q) })
		if err != nil {
			Problem(w, err)
			return
		}
		if page.Items == nil {
			page.Items = []T{}
		}
		WriteJSON(w, page)
	}
}

// The items of a page of a list: unless asked for, and at most.
const (
	defaultPage = 50
	maxPage     = 1000
)

// texts are the filters of lists whose values are text, no ids, and how that is
// written.
var texts = map[string]string{"tag": "NAME=VALUE, or NAME with any value", "alias": "MODEL@ALIAS, or ALIAS of any model"}

// ListQuery reads q, limit, after, status and the references in by from a
// request's query; anything else is refused by name.
func ListQuery(r *http.Request, by ...string) (registry.Query, error) {
	q := registry.Query{Limit: defaultPage, By: map[string]int64{}, Texts: map[string]string{}}
	for name, values := range r.URL.Query() {
		if err := setQuery(&q, name, values[0], by); err != nil {
			return registry.Query{}, err
		}
	}
	return q, nil
}

func setQuery(q *registry.Query, name, value string, by []string) error {
	switch name {
	case "q":
		q.Q = value
		return nil
	case "after":
		q.After = value
		return nil
	case "status":
		q.Status = value
		return nil
	case "limit":
		n, err := number(name, value, 1, maxPage)
		q.Limit = n
		return err
	}
	for _, b := range by {
		if name == b {
			if texts[b] != "" {
				q.Texts[name] = value
				return nil
			}
			id, err := parseID(name, value)
			q.By[name] = id
			return err
		}
	}
	return pipeline.Invalidf(name, "is not a filter of this list").
		WithHint("use q, limit, after, status%s", strings.Join(append([]string{""}, by...), ", "))
}
