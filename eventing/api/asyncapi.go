package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/schema"
)

// Flow is a topic that a function reads or writes.
type Flow struct {
	Topic Topic
	Send  bool // writes it
}

// AsyncAPI is the AsyncAPI 3.0 document of the events and topics of the parts.
func AsyncAPI(parts ...Part) []byte {
	d := &asyncDocument{components: newComponents(), channels: object{}, operations: object{}, messages: object{}}
	for _, p := range parts {
		d.eventDoor(p)
		d.facts(p)
		for _, f := range p.Flows {
			d.flow(p, f)
		}
	}
	return write(object{
		"asyncapi": "3.0.0", "info": info("kafkaml's events and topics"), "defaultContentType": JSON,
		"channels": d.channels, "operations": d.operations,
		"components": object{"schemas": d.set.Definitions, "messages": d.messages},
	})
}

type asyncDocument struct {
	*components
	channels, operations, messages object
}

// event makes the message of an event type.
func (d *asyncDocument) event(typ string) {
	if _, ok := d.messages[typ]; ok {
		return
	}
	ref, about, data := d.components.event(typ)
	switch typ {
	case eventing.KafkaRecord:
		about = "A record of Kafka, as a KafkaSource delivers it."
	case eventing.PredictionMake:
		about = "A record to predict, in the format of the inference."
	}
	m := object{"name": typ, "title": typ, "summary": about, "contentType": JSON, "payload": ref, "headers": eventHeaders(typ)}
	if data != nil {
		headers := object{"ce-specversion": "1.0", "ce-id": "example-" + typ, "ce-source": "/example", "ce-type": typ}
		if !eventing.Makes(typ) {
			headers["ce-subject"] = "1"
		}
		m["examples"] = []object{{"headers": headers, "payload": data}}
	}
	d.messages[typ] = m
}

// eventHeaders are those of an event over HTTP in binary mode.
func eventHeaders(typ string) object {
	text := object{"type": "string", "minLength": 1}
	return object{
		"type": "object", "required": []string{"ce-specversion", "ce-id", "ce-source", "ce-type"},
		"properties": object{
			"ce-specversion": object{"const": "1.0"}, "ce-id": text, "ce-source": text, "ce-type": object{"const": typ},
			"ce-subject": object{"type": "string", "description": "id of the thing that the event is about"},
		},
	}
}

// channel adds a channel of messages, or more messages to one.
func (d *asyncDocument) channel(name, address, about string, messages ...string) {
	c, ok := d.channels[name].(object)
	if !ok {
		c = object{"address": address, "description": about, "messages": object{}}
		d.channels[name] = c
	}
	for _, m := range messages {
		c["messages"].(object)[m] = object{"$ref": "#/components/messages/" + m}
	}
}

func refTo(channel string) object { return object{"$ref": "#/channels/" + channel} }

func refsTo(channel string, messages []string) []object {
	all := []object{}
	for _, m := range messages {
		all = append(all, object{"$ref": "#/channels/" + channel + "/messages/" + m})
	}
	return all
}

// eventDoor is what POST / takes and answers.
func (d *asyncDocument) eventDoor(p Part) {
	if len(p.Takes) == 0 {
		return
	}
	var answers []string
	for _, typ := range p.Takes {
		for _, answer := range []string{eventing.Answer(typ), eventing.Rejected(typ)} {
			if eventing.Known(answer) && !slices.Contains(answers, answer) {
				answers = append(answers, answer)
			}
		}
	}
	if slices.Contains(p.Takes, eventing.KafkaRecord) && p.Name == "control-log" && !slices.Contains(answers, eventing.DatasourceReceived) {
		answers = append(answers, eventing.DatasourceReceived)
	}
	name := p.Name + ".door"
	for _, typ := range slices.Concat(p.Takes, answers) {
		d.event(typ)
	}
	d.channel(name, p.Prefix+"/", "CloudEvents over HTTP, POST, binary or structured mode; the answer comes in the response", slices.Concat(p.Takes, answers)...)
	op := object{"action": "receive", "channel": refTo(name), "summary": p.Name + " takes these events.", "messages": refsTo(name, p.Takes)}
	if len(answers) > 0 {
		op["reply"] = object{"channel": refTo(name), "messages": refsTo(name, answers)}
	}
	d.operations[name] = op
}

// facts is GET /events.
func (d *asyncDocument) facts(p Part) {
	var types []string
	for _, typ := range eventing.Types() {
		if slices.ContainsFunc(p.Facts, func(prefix string) bool { return strings.HasPrefix(typ, prefix) }) && eventing.Answer(typ) == "" {
			types = append(types, typ)
			d.event(typ)
		}
	}
	if len(types) == 0 {
		return
	}
	name := p.Name + ".events"
	d.channel(name, p.Prefix+"/events", "Server-Sent Events: id is the sequence, event the type, data the CloudEvent in structured mode", types...)
	d.operations[name] = object{"action": "send", "channel": refTo(name), "summary": p.Name + " publishes these facts.", "messages": refsTo(name, types)}
}

// flow is a topic that a function reads or writes.
func (d *asyncDocument) flow(p Part, f Flow) {
	t := topics[f.Topic]
	name := string(f.Topic)
	if _, ok := d.channels[name]; !ok {
		d.channel(name, t.address, t.about, name)
		if parameter := strings.Trim(t.address, "{}"); parameter != t.address {
			d.channels[name].(object)["parameters"] = object{parameter: object{"description": t.named}}
		}
		d.messages[name] = t.message(&d.set)
	}
	action := "receive"
	if f.Send {
		action = "send"
	}
	d.operations[p.Name+"."+action+"."+name] = object{
		"action": action, "channel": refTo(name), "summary": p.Name + " " + map[bool]string{false: "reads", true: "writes"}[f.Send] + " this topic.",
		"messages": refsTo(name, []string{name}),
	}
}

// message is the message of a topic.
func (t topic) message(set *schema.Set) object {
	m := object{"name": t.record, "title": t.record, "summary": t.about, "headers": t.headers}
	if t.headers == nil {
		delete(m, "headers")
	}
	if t.value == nil {
		m["contentType"], m["payload"] = Binary, object{"description": t.bytes}
		if t.example != nil {
			m["examples"] = []object{t.example}
		}
		return m
	}
	s := set.Answer(t.value, nil)
	m["contentType"], m["payload"] = JSON, s
	example := object{}
	maps.Copy(example, t.example)
	if made, ok := exampleOf(s).(object); ok {
		if more, ok := t.example["payload"].(object); ok {
			maps.Copy(made, more)
		}
		example["payload"] = made
	}
	m["examples"] = []object{example}
	m["bindings"] = object{"kafka": object{"key": object{"type": "string", "description": t.key}}}
	return m
}
