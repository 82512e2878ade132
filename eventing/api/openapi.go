package api

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
)

// OpenAPI is the OpenAPI 3.1 document of what the parts answer over HTTP.
func OpenAPI(parts ...Part) []byte {
	c := newComponents()
	c.named("Problem", Problem{})
	c.named("CloudEvent", envelope{})
	paths, tags := object{}, []object{}
	for _, p := range parts {
		tags = append(tags, object{"name": p.Name})
		for _, op := range append(p.common(), p.Operations...) {
			method, path := op.split()
			path = p.Prefix + path
			item, ok := paths[path].(object)
			if !ok {
				item = object{}
				paths[path] = item
			}
			item[strings.ToLower(method)] = c.operation(p, op)
		}
		if len(p.Takes) > 0 {
			paths[p.Prefix+"/"] = object{"post": c.eventDoor(p)}
		}
	}
	return write(object{
		"openapi": "3.1.0", "info": info("kafkaml over HTTP"), "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
		"servers": []object{{"url": ".", "description": "where this document lies"}}, "tags": tags, "paths": paths,
		"components": object{"schemas": c.set.Definitions, "responses": object{"Problem": object{
			"description": "Why not, as RFC 9457 problem details", "content": object{problemJSON: object{"schema": c.ref("Problem")}},
		}}},
	})
}

func (op Operation) split() (method, path string) {
	method, path, _ = strings.Cut(op.Pattern, " ")
	return method, path
}

// common are the operations that every function has.
func (p Part) common() []Operation {
	all := []Operation{
		{Pattern: "GET /health/liveness", About: "Whether the process runs.", Answer: Content{Media: Text}},
		{Pattern: "GET /health/readiness", About: "Whether it can do its work.", Answer: Content{Media: Text}},
		{Pattern: "GET /metrics", About: "Metrics for Prometheus.", Answer: Content{Media: Text}},
		{Pattern: "GET /openapi.json", About: "This document.", Answer: Content{Type: object{}}},
		{Pattern: "GET /asyncapi.json", About: "The AsyncAPI document of events and topics.", Answer: Content{Type: object{}}},
	}
	if p.Facts == nil {
		return all
	}
	return append(
		all,
		Operation{Pattern: "GET /schemas", About: "The types that the event door takes.", Answer: Content{Type: eventing.Accepted{}}},
		Operation{Pattern: "GET /schemas/{type}", About: "The JSON Schema of a type's data.", Answer: Content{Media: "application/schema+json", Type: object{}}, Errors: []int{http.StatusNotFound}},
		Operation{
			Pattern: "GET /events", About: "The facts as they come, as Server-Sent Events: id is the sequence, event the type, data the CloudEvent.",
			Query: []Param{
				{Name: "after", Value: int64(0), About: "resume after this sequence number", Example: 0},
				{Name: "facts", Value: "", About: "all: those of every function"},
				{Name: "Last-Event-ID", Header: true, Value: int64(0), About: "as after; it comes first"},
			},
			Answer: Content{Media: Stream}, Errors: []int{http.StatusUnprocessableEntity},
		},
	)
}

func (c *components) operation(p Part, op Operation) object {
	method, path := op.split()
	status := op.Status
	if status == 0 {
		status = http.StatusOK
	}
	answer := object{"description": http.StatusText(status), "content": c.content(op.Answer, false)}
	if status == http.StatusCreated && op.Answer.Event != "" {
		answer["headers"] = object{"Location": object{"description": "of what was made", "schema": object{"type": "string"}}}
	}
	out := object{
		"operationId": identifier(p.Name, strings.ToLower(method), path), "tags": []string{p.Name}, "summary": op.About,
		"responses": c.responses(object{strconv.Itoa(status): answer}, op.Refusal, op.Errors),
	}
	if params := c.params(path, op.Query); len(params) > 0 {
		out["parameters"] = params
	}
	if op.Body != (Content{}) {
		out["requestBody"] = object{"content": c.content(op.Body, true)}
	}
	return out
}

// responses adds refusals: of these statuses, and those that any operation has.
func (c *components) responses(all object, refusal Content, statuses []int) object {
	for _, status := range append(statuses, http.StatusInternalServerError, http.StatusServiceUnavailable) {
		answer := object{"$ref": "#/components/responses/Problem"}
		if refusal != (Content{}) {
			answer = object{"description": http.StatusText(status), "content": c.content(refusal, false)}
		}
		all[strconv.Itoa(status)] = answer
	}
	return all
}

func (c *components) content(of Content, request bool) object {
	media, body := of.Media, object{}
	if media == "" {
		media = JSON
	}
	example := of.Example
	switch {
	case of.Event != "":
		ref, _, made := c.event(of.Event)
		body["schema"] = ref
		if example == nil {
			example = made
		}
	case of.Type != nil:
		s := c.set.Answer(of.Type, nil)
		body["schema"] = s
		if example == nil {
			example = exampleOf(s)
		}
	case !strings.Contains(media, Binary):
		body["schema"] = object{"type": "string"}
	}
	if request && example != nil {
		body["example"] = example
	}
	all := object{}
	for m := range strings.SplitSeq(media, ",") {
		all[m] = body
	}
	return all
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// params are those of a path, each of which is an id unless named otherwise
// here, then those of the query.
func (c *components) params(path string, query []Param) []object {
	all := []object{}
	for _, m := range placeholder.FindAllStringSubmatch(path, -1) {
		p := object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "integer", "minimum": 1}, "example": 1}
		switch m[1] {
		case "type":
			p["schema"], p["example"] = object{"type": "string"}, eventing.ModelRegister
		case "inference", "name", "version", "topic":
			p["schema"], p["example"] = object{"type": "string"}, map[string]string{"inference": "inference-1", "name": "inference-1", "version": "1", "topic": "points"}[m[1]]
		}
		all = append(all, p)
	}
	for _, q := range query {
		in := "query"
		if q.Header {
			in = "header"
		}
		p := object{"name": q.Name, "in": in, "description": q.About, "schema": c.set.Answer(q.Value, nil)}
		if q.Required {
			p["required"] = true
		}
		if q.Example != nil {
			p["example"] = q.Example
		}
		all = append(all, p)
	}
	return all
}

// eventDoor is POST / with an example of each type that has one.
func (c *components) eventDoor(p Part) object {
	examples := object{}
	for _, typ := range p.Takes {
		if _, about, data := c.event(typ); data != nil {
			examples[typ] = object{"summary": about, "value": exampleEvent(typ, data)}
		}
	}
	for _, e := range p.Examples {
		typ := e.(object)["type"].(string)
		_, about, _ := c.event(typ)
		examples[typ] = object{"summary": about, "value": e}
	}
	body := object{"schema": c.ref("CloudEvent")}
	if len(examples) > 0 {
		body["examples"] = examples
	}
	content := object{cloudEvent: body}
	if p.Batch != "" {
		content[eventing.BatchType] = object{"schema": object{"type": "string", "format": "binary", "description": p.Batch}}
	}
	return object{
		"operationId": identifier(p.Name, "post", "event"), "tags": []string{p.Name},
		"summary":     "Take a CloudEvent of one of: " + strings.Join(p.Takes, ", ") + ".",
		"description": "Structured mode is shown; binary mode is accepted, too. A refused command is 200 with a .rejected event.",
		"requestBody": object{"required": true, "content": content},
		"responses": c.responses(object{
			"200": object{"description": "the answer, in the mode of the request", "content": object{cloudEvent: object{"schema": c.ref("CloudEvent")}}},
			"204": object{"description": "accepted, without an answer"},
		}, Content{}, []int{http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}),
	}
}

// exampleEvent is an event in structured mode. A command about an existing
// thing names the first.
func exampleEvent(typ string, data any) object {
	e := object{
		"specversion": "1.0", "id": "example-" + typ, "source": "/example", "type": typ,
		"datacontenttype": JSON, "data": data,
	}
	if !eventing.Makes(typ) {
		e["subject"] = "1"
	}
	return e
}
