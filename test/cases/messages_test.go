package cases

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// messageRows are messages of the control topic: their keys, ranges, splits and
// junk, and what is told to whoever waits.
func messageRows() []row {
	return slicesOf(keyRows(), splitRows(), junkRows(), againRows(), formRows(), rangeRows())
}

// sent makes a topic of points.
func (a *attempt) sent(n int) (topic string) {
	topic = a.makeTopic(1)
	a.produce(topic, 0, somePoints(0, n))
	return topic
}

// datasource waits for one that says something of a topic, and gives what it
// says.
func (a *attempt) datasource(topic string) string {
	var said string
	a.must(a.within(waitTime, func() (string, bool, error) {
		for d, err := range a.client.Datasources().All(a.ctx, client.Query{}) {
			if err != nil {
				return "", false, err
			}
			if len(d.Ranges) == 0 || d.Ranges[0].Topic != topic {
				continue
			}
			said = fmt.Sprintf("datasource of deployment %d", d.Deployment)
			if d.Rejected != nil {
				said += " rejected: " + d.Rejected.Reason + hinted(d.Rejected.Hint)
			}
			if d.Unused != nil {
				said += " unused: " + d.Unused.Reason + hinted(d.Unused.Hint)
			}
			return said, d.Rejected != nil || d.Unused != nil, nil
		}
		return "no datasource of " + topic, false, nil
	}))
	return said
}

// keyRows are keys of control messages as producers write them.
func keyRows() (all []row) {
	all = append(all, row{id: "D22 7", first: true, right: "no deployment 55; the byte is the text 7", want: []string{"unused|rejected", "55", "no deployment", "text"}, try: func(a *attempt) string {
		topic := a.sent(4)
		value, err := json.Marshal(pointMessage(topic+":0:0:4", 4))
		a.must(err)
		a.announceBytes([]byte("7"), value)
		return a.datasource(topic)
	}})
	for _, k := range []struct{ id, key, want string }{
		{"D22 abc", "abc", "6382179"}, {"D22 12, line end", "12\n", "3224074"}, {"D22 JSON", `{"id":1}`, "no deployment"},
	} {
		all = append(all, row{id: k.id, right: "no such deployment, and how the key was read", want: []string{"unused|rejected", k.want, "no deployment|key"}, try: func(a *attempt) string {
			topic := a.sent(4)
			value, err := json.Marshal(pointMessage(topic+":0:0:4", 4))
			a.must(err)
			a.announceBytes([]byte(k.key), value)
			return a.datasource(topic)
		}})
	}
	for _, k := range []struct {
		id  string
		key func(int64) []byte
	}{
		{"D22 int", func(d int64) []byte { return []byte{0, 0, byte(d >> 8), byte(d)} }},
		{"D22 str", func(d int64) []byte { return fmt.Appendf(nil, "%02d", d) }},
		{"D22 long", func(d int64) []byte { return []byte{0, 0, 0, 0, 0, 0, byte(d >> 8), byte(d)} }},
	} {
		all = append(all, row{id: k.id, right: "trains", want: []string{"finished"}, try: func(a *attempt) string {
			topic := a.sent(4)
			d := a.deployed(points)
			value, err := json.Marshal(pointMessage(topic+":0:0:4", 4))
			a.must(err)
			a.announceBytes(k.key(d), value)
			_, said := a.result(d)
			return said
		}})
	}
	return all
}

// splitRows are rates that do not divide the records.
func splitRows() (all []row) {
	for _, s := range []struct {
		id               string
		n                int
		validation, test float64
		want             string
	}{
		{"X1 11, 0.1", 11, 0, 0.1, "10/0/1"},
		{"X1 25, 0.1", 25, 0, 0.1, "23/0/2"},
		{"X1 99, 0.2", 99, 0, 0.2, "80/0/19"},
		{"X1 7, 0.5", 7, 0, 0.5, "4/0/3"},
		{"X1 3, 0.2, 0.2", 3, 0.2, 0.2, "3/0/0"},
		{"X1 10, 0.3, 0.2", 10, 0.3, 0.2, "5/3/2"},
		{"X1 20, 0.1", 20, 0.1, 0, "18/2/0"},
	} {
		all = append(all, row{id: s.id, right: s.want, want: []string{"finished", "split " + s.want + " "}, try: func(a *attempt) string {
			m := pointMessage(fmt.Sprintf("%s:0:0:%d", a.sent(s.n), s.n), s.n)
			m["validation_rate"], m["test_rate"] = s.validation, s.test
			d := a.deployed(points)
			a.announce(d, m)
			r, said := a.result(d)
			if r.Split == nil {
				return said
			}
			return fmt.Sprintf("split %d/%d/%d %s", r.Split.Training.Records, r.Split.Validation.Records, r.Split.Test.Records, said)
		}})
	}
	for _, s := range []struct {
		id               string
		validation, test any
	}{{"X1 0.3 and 0.7", 0.3, 0.7}, {"X1 1", 1, 0}, {"X1 -0.1", -0.1, 0}, {"X1 text", "much", 0}} {
		all = append(all, row{id: s.id, right: "refused by member", want: []string{"rejected", "rate"}, try: func(a *attempt) string {
			m := pointMessage(a.sent(10)+":0:0:10", 10)
			m["validation_rate"], m["test_rate"] = s.validation, s.test
			return a.trains(m)
		}})
	}
	return all
}

// junkRows are messages that no parser takes, under the key of a deployment
// that waits.
func junkRows() (all []row) {
	good := `{"topic":"x:0:0:1","input_format":"RAW","input_config":{},"total_msg":1}`
	for id, value := range map[string]string{
		"junk": "\x01\x02\xff", "text": "hello", "[]": "[]", "truncated": good[:30], "NaN": strings.Replace(good, `"total_msg":1`, `"total_msg":NaN`, 1),
		"single quotes": strings.ReplaceAll(good, `"`, "'"), "null": "null", "UTF-16": "\xff\xfe{\x00}\x00", "empty": "",
		"5 for topic": `{"topic":5,"input_format":"RAW","input_config":{},"total_msg":1}`, "list for topic": `{"topic":["x:0:0:1"],"input_format":"RAW","input_config":{},"total_msg":1}`,
	} {
		all = append(all, row{id: "X5 " + id, right: "the rejection is shown at the deployment", want: []string{"rejected", "!Go value", "!invalid character", `!"" is not a format`}, try: func(a *attempt) string {
			d := a.deployed(points)
			a.announceBytes(fmt.Appendf(nil, "%02d", d), []byte(value))
			_, said := a.result(d)
			return said
		}})
	}
	return append(all,
		row{id: "X5 BOM", right: "taken", want: []string{"finished"}, try: func(a *attempt) string {
			d := a.deployed(points)
			value, err := json.Marshal(pointMessage(a.sent(4)+":0:0:4", 4))
			a.must(err)
			a.announceBytes(fmt.Appendf(nil, "%02d", d), append([]byte("\ufeff"), value...))
			_, said := a.result(d)
			return said
		}},
		row{id: "X5 CLI", right: "shows the rejection, and --watch tells of it while it waits for another stream", want: []string{"show code 0", "watch code 130", "last stream trains nothing", "last rejected", "JSON object"}, try: func(a *attempt) string {
			d := a.deployed(points)
			a.announceBytes(fmt.Appendf(nil, "%02d", d), []byte("hello"))
			_, _ = a.result(d)
			show, code := a.types("deployments", "show", fmt.Sprint(d))
			watch, watched := a.typesUntil("last stream trains nothing", "deployments", "show", fmt.Sprint(d), "--watch")
			return fmt.Sprintf("watch code %d: %s; show code %d: %s", watched, watch, code, show)
		}},
		row{id: "X5 junk, then good", right: "trains", want: []string{"finished"}, try: func(a *attempt) string {
			for range 200 {
				a.announceBytes([]byte(nobody), []byte("junk"))
			}
			return a.trains(pointMessage(a.sent(4)+":0:0:4", 4))
		}},
	)
}

// againRows are streams that are announced again, or while something runs.
func againRows() []row {
	return []row{
		{id: "X4 twice", right: "the second trains nothing, and says so", want: []string{"finished", "unused", "already"}, try: func(a *attempt) string {
			topic := a.sent(4)
			d := a.deployed(points)
			m := pointMessage(topic+":0:0:4", 4)
			a.announce(d, m)
			_, said := a.result(d)
			a.announce(d, m)
			return said + "; " + a.datasource(topic)
		}},
		{id: "X4 another", right: "another round trains", want: []string{"4 records", "6 records", "finished"}, try: func(a *attempt) string {
			d := a.deployed(points)
			a.announce(d, pointMessage(a.sent(4)+":0:0:4", 4))
			_, first := a.result(d)
			a.announce(d, pointMessage(a.sent(6)+":0:0:6", 6))
			return first + "; " + a.told(a.round(d, 2))
		}},
		{id: "X4 resent", right: "409: it changes nothing", want: []string{"resend refused", "already"}, try: func(a *attempt) string {
			d := a.deployed(points)
			a.announce(d, pointMessage(a.sent(4)+":0:0:4", 4))
			r, _ := a.result(d)
			return a.resend(r.Datasource, d)
		}},
		{id: "X4 stopped", right: "the deployment is stopped", want: []string{"unused|rejected", "stopped"}, try: func(a *attempt) string {
			topic := a.sent(4)
			d := a.deployed(points)
			_, err := a.client.Send(a.ctx, a.client.StopDeployment(d))
			a.must(err)
			a.announce(d, pointMessage(topic+":0:0:4", 4))
			return a.datasource(topic)
		}},
		{id: "X4 rejected, then good", right: "trains", want: []string{"rejected", "finished"}, try: func(a *attempt) string {
			d := a.deployed(points)
			a.announceBytes(fmt.Appendf(nil, "%02d", d), []byte("hello"))
			_, first := a.result(d)
			a.announce(d, pointMessage(a.sent(4)+":0:0:4", 4))
			return first + "; " + a.told(a.round(d, 1))
		}},
	}
}

// round waits for the end of the n-th training of a deployment.
func (a *attempt) round(d int64, n int) (last pipeline.Result) {
	a.must(a.within(waitTime, func() (string, bool, error) {
		page, err := a.client.Results().List(a.ctx, client.Query{Filters: map[string]string{"deployment": fmt.Sprint(d)}})
		if err != nil || len(page.Items) < n {
			return "no result", false, err
		}
		last = page.Items[0]
		return string(last.Status), last.Status.Ended(), nil
	}))
	return last
}

// formRows are members of control messages, and arguments, as people write them.
func formRows() []row {
	change := func(id, right, member string, value any, want ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			m := pointMessage(a.sent(4)+":0:0:4", 4)
			m[member] = value
			return a.trains(m)
		}}
	}
	fit := func(id, text string, want ...string) row {
		return row{id: id, right: strings.Join(want, ", "), want: want, try: func(a *attempt) string {
			m, err := a.model("", points)
			a.must(err)
			_, err = a.deployment(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf(text)})
			if err == nil {
				return "taken"
			}
			return refusal(err)
		}}
	}
	return []row{
		change("D19", "refused: an end is wanted", "topic", "online", "rejected", "partition"),
		change("D19 earliest", "what the log holds is taken where it is asked for", "since", "earliest", "rejected", "names its own offsets"),
		{id: "D20 online sink", right: "refused: says whose message it is, and what to do", want: []string{"rejected", "online sinks", "since"}, try: func(a *attempt) string {
			topic, _, _ := strings.Cut(a.sent(4), ":")
			return a.trains(message{"topic": topic, "unsupervised_topic": nil, "input_format": "RAW", "description": "", "input_config": pointConfig, "validation_rate": 0.1, "test_rate": 0, "total_msg": nil, "dataset_restrictions": map[string]any{}, "incremental": true})
		}},
		{id: "D20 topic by time", right: "trains on what is there", want: []string{"finished"}, try: func(a *attempt) string {
			return a.trains(message{"topic": a.sent(4), "since": "1h", "input_format": "RAW", "input_config": pointConfig})
		}},
		change("D20", "trains; what is not used is said", "unsupervised_topic", "other", "finished"),
		change("X5 total as text", "taken", "total_msg", "4", "finished"),
		change("X5 total is off", "both sums", "total_msg", 7, "rejected", "7", "4"),
		change("X5 total -1", "refused", "total_msg", -1, "rejected", "total_msg"),
		change("X5 format", "formats listed", "input_format", "CSV", "rejected", "RAW", "AVRO", "JSON"),
		change("X5 lower case", "taken, or listed", "input_format", "raw", "finished|RAW"),
		change("X5 no config", "refused by member", "input_config", nil, "rejected|failed", "input_config"),
		change("X5 config as text", "taken, or refused by member", "input_config", `{"data_type":"float32","data_reshape":"2","label_type":"uint8"}`, "finished|input_config"),
		change("X5 partition", "no such partition", "topic", "case-x5-partition-none:7:0:4", "rejected|failed", "does not exist|no such partition|no partition", "!made anew"),
		change("X5 order", "orders listed", "order", "random", "rejected", "time", "partition"),
		fit("D26 callbacks", "epochs=1, callbacks=[TensorBoard()]", "refused", "callbacks"),
		fit("D26 early stopping", "epochs=9, callbacks=[keras.callbacks.EarlyStopping('loss', patience=0, min_delta=1e9, restore_best_weights=True)]", "taken"),
		fit("D26 other metric", "early_stopping={'monitor': 'val_acc'}", "refused", "no \"val_acc\"", "it reports"),
		fit("D26 fraction", "epochs=1.5", "refused", "epochs"),
		fit("D26 0", "epochs=0", "refused", "epochs"),
		fit("D26 code", "epochs=__import__('os')", "refused", "not run as Python"),
		fit("D26 steps", "steps=5", "refused", "steps"),
		{id: "D16", right: "no GPU is said", want: []string{"gpu"}, try: func(a *attempt) string {
			m, err := a.model("", points)
			a.must(err)
			d, err := a.deployment(m, pipeline.DeploymentForm{GPUs: 1})
			if err != nil {
				return refusal(err)
			}
			a.announce(d.ID, pointMessage(a.sent(4)+":0:0:4", 4))
			_, said := a.result(d.ID)
			return strings.ReplaceAll(said, "gpus", "")
		}},
		{id: "X9 text label", right: "the label is text", want: []string{"failed", "label", "text"}, try: func(a *attempt) string {
			return a.altered("b0-plain", "JSON", func(r *record) {
				r.value = []byte(strings.Replace(string(r.value), `"y": `, `"y": "cat`, 1)[:len(r.value)+4] + `"}`)
			})
		}},
		{id: "X9 label in the value, RAW", right: "9 bytes, 8 are wanted", want: []string{"failed", "@0", "9 bytes", "8"}, try: func(a *attempt) string {
			m, err := a.model("", points)
			a.must(err)
			var records []record
			for _, p := range somePoints(0, 4) {
				records = append(records, record{value: append(p.value, p.key...)})
			}
			_, said := a.send(m, pipeline.DeploymentForm{}, records, "RAW", pointConfig)
			return said
		}},
		{id: "X9 label in the value, AVRO", right: "3 fields for 2, and where the label is to be", want: []string{"failed|rejected", "3", "2", "key|label"}, try: func(a *attempt) string {
			m, err := a.model("", points)
			a.must(err)
			value := append(floats(1, 2), 2)
			_, said := a.send(m, pipeline.DeploymentForm{}, []record{{value: value}, {value: value}}, "AVRO", message{
				"data_scheme": `{"type":"record","name":"S","fields":[{"name":"a","type":"float"},{"name":"b","type":"float"},{"name":"y","type":"int"}]}`,
			})
			return said
		}},
	}
}

// rangeRows are ranges of many kinds.
func rangeRows() []row {
	ranges := func(id, right string, n int, of func(topic string) (string, int), want ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			text, total := of(a.sent(n))
			return a.trains(pointMessage(text, total))
		}}
	}
	return []row{
		ranges("X8", "1000 ranges train", 1000, func(topic string) (string, int) {
			var all []string
			for i := range 1000 {
				all = append(all, fmt.Sprintf("%s:0:%d:1", topic, i))
			}
			return strings.Join(all, ","), 1000
		}, "finished", "1000 records"),
		ranges("X8 3000", "3000 ranges train", 3000, func(topic string) (string, int) {
			var all []string
			for i := range 3000 {
				all = append(all, fmt.Sprintf("%s:0:%d:1", topic, i))
			}
			return strings.Join(all, ","), 3000
		}, "finished", "3000 records"),
		ranges("X5 ends", "ends instead of lengths", 10, func(topic string) (string, int) { return topic + ":0:2:8", 6 }, "finished", "6 records"),
		ranges("X5 overlap", "taken", 10, func(topic string) (string, int) { return topic + ":0:0:6," + topic + ":0:4:6", 12 }, "finished", "12 records"),
		ranges("X5 brackets", "taken", 10, func(topic string) (string, int) { return "[" + topic + ":0:0:10]", 10 }, "finished", "10 records"),
		ranges("X5 beyond the end", "the end of the log", 10, func(topic string) (string, int) { return topic + ":0:5:10", 10 }, "rejected|failed", "10"),
		ranges("X5 empty topic", "nothing there", 0, func(topic string) (string, int) { return topic + ":0:0", 0 }, "rejected", "nothing|empty|no record"),
		{id: "D21", right: "offset 10 has 7 bytes", want: []string{"failed", "@10", "7 bytes"}, try: func(a *attempt) string {
			topic := a.sent(10)
			a.produce(topic, 0, []record{{key: []byte{1}, value: []byte("foreign")}})
			return a.trains(pointMessage(topic+":0:0:11", 11))
		}},
		{id: "X7", right: "96 train", want: []string{"finished", "96 records"}, try: func(a *attempt) string {
			topic := a.makeTopic(64)
			var all []string
			for p := range 64 {
				n := 3 * (p % 2)
				if n > 0 {
					a.produce(topic, p, somePoints(p, n))
				}
				all = append(all, fmt.Sprintf("%s:%d:0:%d", topic, p, n))
			}
			return a.trains(pointMessage(strings.Join(all, ","), 96))
		}},
	}
}
