package control

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// parser fills a datasource and remembers the first fault.
type parser struct {
	d        *pipeline.Datasource
	err      *pipeline.Error
	readings [][]pipeline.Range          // see leave
	ends     bool                        // fourth places of the topic member may be offsets after the last record
	bounds   *bounds                     // of topics that are named without offsets; nil where none is
	follows  func(deployment int64) bool // see Read
	now      time.Time
}

// followed reports whether the stream is for a deployment that follows streams.
func (p *parser) followed() bool {
	return p.follows != nil && p.d.Deployment > 0 && p.follows(p.d.Deployment)
}

func (p *parser) fail(err *pipeline.Error) {
	if p.err == nil {
		err.Op = opParse
		p.err = err
	}
}

// fill sets all members of the datasource.
func (p *parser) fill(key []byte, v *message) {
	p.deployment(key, v.deployment)
	p.format(v)
	p.rates(v)
	if v.description != nil {
		p.d.Description = *v.description
	}
	if v.shuffle != nil {
		p.d.Shuffle = *v.shuffle
	}
	p.d.Seed = p.integer("seed", v.seed)
	p.order(v.order)
	p.split(v)
	p.d.TotalMsg = p.integer("total_msg", v.total)
	p.times(v)
	p.ranges(v)
	p.unlabelled(v)
}

func (p *parser) order(name *string) {
	if name == nil {
		return
	}
	order, err := pipeline.ParseOrder("order", clip([]byte(*name)))
	var known *pipeline.Error
	if errors.As(err, &known) {
		p.fail(known)
	}
	p.d.Order = order
}

// split reads how the stream is split; the seed is one for all that is random.
func (p *parser) split(v *message) {
	by, err := pipeline.ParseSplit("split", clip([]byte(v.split.by)))
	var known *pipeline.Error
	if errors.As(err, &known) {
		p.fail(known)
	}
	p.d.Split = by
	if v.split.seed == "" {
		return
	}
	seed := p.integer("split", v.split.seed)
	if v.seed != "" && seed != p.d.Seed {
		p.fail(pipeline.Invalidf("split", "its seed is %d, and that of the message %d", seed, p.d.Seed).WithHint("name one seed"))
	}
	p.d.Seed = seed
}

// deployment prefers the value's id to the key's.
func (p *parser) deployment(key []byte, inValue number) {
	const shown = 32 // bytes of a key, which nobody need make long
	id, err := decodeID(key)
	if inValue != "" {
		id = p.integer("deployment_id", inValue)
	} else if p.d.Origin.Key = hex.EncodeToString(key[:min(len(key), shown)]); err != nil {
		p.fail(pipeline.Invalidf("deployment_id", "%v", err))
	}
	if id < 1 {
		p.fail(pipeline.Invalidf("deployment_id", "names no deployment").
			WithHint("put the deployment's id into the key or into deployment_id"))
		id = 0
	}
	p.d.Deployment = id
}

func (p *parser) format(v *message) {
	if v.format != nil {
		p.d.InputFormat = pipeline.Format(*v.format)
	}
	switch p.d.InputFormat {
	case "":
		p.fail(pipeline.Invalidf("input_format", "is missing").WithHint("use RAW, AVRO, JSON or PROTOBUF"))
	case pipeline.RAW, pipeline.AVRO, pipeline.JSON, pipeline.PROTOBUF:
	case pipeline.TelegrafJSON:
		p.fail(pipeline.Invalidf("input_format", "TELEGRAF_STR_JSON carries no labels: it is for inference").
			WithHint("send the training stream as JSON, RAW or AVRO"))
	default:
		p.fail(pipeline.Invalidf("input_format", "%q is not a format", clip([]byte(p.d.InputFormat))).WithHint("use RAW, AVRO, JSON or PROTOBUF"))
	}
	p.d.InputConfig = p.config(v)
}

// config is the object of input_config, which may come as a string that holds
// it.
func (p *parser) config(v *message) json.RawMessage {
	raw := v.config
	if len(raw) == 0 {
		raw = v.configuration
	}
	var text string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(strings.TrimSpace(text))
	}
	if len(raw) == 0 || string(raw) == "null" {
		return json.RawMessage("{}")
	}
	var compact bytes.Buffer
	if raw[0] != '{' || json.Compact(&compact, raw) != nil {
		p.fail(pipeline.Invalidf("input_config", "%s is not a JSON object", clip(raw)))
		return json.RawMessage("{}")
	}
	return compact.Bytes()
}

func (p *parser) rates(v *message) {
	p.d.ValidationRate = p.rate("validation_rate", v.validation)
	p.d.TestRate = p.rate("test_rate", v.test)
	if p.d.ValidationRate+p.d.TestRate >= 1 {
		p.fail(pipeline.Invalidf("validation_rate", "validation_rate %v and test_rate %v leave nothing to train on", p.d.ValidationRate, p.d.TestRate).
			WithHint("their sum must be below 1"))
	}
}

func (p *parser) rate(field string, n number) float64 {
	if n == "" {
		return 0
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || !(f >= 0 && f <= 1) { // NaN fails both
		p.fail(pipeline.Invalidf(field, "%s is not a rate between 0 and 1", clip([]byte(n))))
		return 0
	}
	return f
}

// integer reads a whole number, which a producer may have written as 5.0.
func (p *parser) integer(field string, n number) int64 {
	if n == "" {
		return 0
	}
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || f != float64(int64(f)) || f > exact || f < -exact {
		p.fail(pipeline.Invalidf(field, "%s is not a whole number", clip([]byte(n))))
		return 0
	}
	return int64(f)
}
