package cases

import (
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// outcomeRows are sources that train or fail by what is sent or asked.
func outcomeRows() []row {
	return slicesOf(sentRows(), engineRows())
}

func sentRows() []row {
	car := func(s training, key []byte) func(a *attempt) string {
		return func(a *attempt) string {
			m, err := a.model(seeded, source(s.file))
			a.must(err)
			records, config := s.stream()
			for i := range records {
				records[i].key = key
			}
			_, said := a.send(m, pipeline.DeploymentForm{}, records, "RAW", config)
			return said
		}
	}
	sensors := training{file: "12", records: 8, x: []column{x(18)}, y: []column{x(18)}}
	index := training{file: "04", records: 8, x: []column{x(32, 32, 3).of("uint8", bytesOf)}, y: []column{{dtype: "uint8", shape: []int{1}, fill: classes(10)}}}
	return []row{
		{id: "A04 sent", right: "one label for ten: the sparse loss", want: []string{"rejected|failed", "10", "sparse_categorical_crossentropy"}, try: index.try},
		{id: "A06 steps", right: "steps is no argument of fit: steps_per_epoch", want: []string{"refused", "steps", "steps_per_epoch"}, try: deploys("06", "steps=1000, shuffle=True")},
		{id: "A12 b", right: "no key", want: []string{"failed|rejected", "@0", "no key"}, try: car(sensors, nil)},
		{id: "A12 c", right: "6 bytes, 72 are wanted", want: []string{"failed|rejected", "@0", "6 bytes", "72"}, try: car(sensors, []byte("car-17"))},
		{id: "A34 validated", right: "no test_step: no validation", want: []string{"refused|rejected|failed", "test_step|evaluate"}, try: validates("34")},
		{id: "A39 weighted", right: "class weights are for one label a record", want: []string{"refused", "class_weight"}, try: deploys("39", "epochs=1, class_weight={0: 1.0, 1: 5.0, 2: 5.0, 3: 5.0}")},
		{id: "A40 weighted", right: "class weights are for one output", want: []string{"refused", "class", "output"}, try: deploys("40", "epochs=1, class_weight={0: 0.2, 1: 0.8}")},
		{id: "A31 guessed", right: "two labels are wanted, or how to say so", want: []string{"refused", "label_reshape"}, try: training{
			file: "31", records: 8, batch: 4, fit: "epochs=1", x: []column{x(5)}, y: []column{number()},
		}.try},
	}
}

// deploys is what a deployment with some arguments of fit is answered.
func deploys(file, fit string) func(a *attempt) string {
	return func(a *attempt) string {
		m, err := a.model(seeded, source(file))
		if err != nil {
			return "model " + refusal(err)
		}
		if _, err := a.deployment(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf(fit)}); err != nil {
			return refusal(err)
		}
		return "deployed"
	}
}

// validates is what becomes of a model's stream with a share for validation.
func validates(file string) func(a *attempt) string {
	return func(a *attempt) string {
		m, err := a.model(seeded, source(file))
		if err != nil {
			return "model " + refusal(err)
		}
		s := training{records: 16, x: []column{x(8, 8, 1)}}
		records, config := s.stream()
		topic := a.makeTopic(1)
		a.produce(topic, 0, records)
		d, err := a.deployment(m, pipeline.DeploymentForm{})
		a.must(err)
		a.announce(d.ID, message{"topic": topic + ":0:0:16", "input_format": "RAW", "input_config": config, "validation_rate": 0.5, "test_rate": 0, "total_msg": 16})
		_, said := a.result(d.ID)
		return said
	}
}

// engineRows are streams of which the engine must not change the outcome.
func engineRows() (all []row) {
	wrong := func(at int, right func(int, int) float64, bad float64) func(int, int) float64 {
		return func(r, e int) float64 {
			if r == at && e == 0 {
				return bad
			}
			return right(r, e)
		}
	}
	bad := map[string]training{
		"A36":          {file: "36", x: []column{x(6)}, y: []column{class("uint8", 10).of("uint8", wrong(6, classes(10), 10))}},
		"M1 embedding": {file: "small-embedding", x: []column{x(3).of("int32", wrong(6, classes(10), 10))}, y: []column{number()}},
		"M1 own loss":  {file: "own-sparse", x: []column{x(6)}, y: []column{class("int32", 4).of("int32", wrong(6, classes(4), 4))}},
		"A39 label 4":  {file: "39", x: []column{x(10, 6)}, y: []column{{dtype: "int32", shape: []int{10}, fill: wrong(6, classes(4), 4)}}},
		"A37 label 200": {
			file: "37", x: []column{x(16, 16, 3).of("uint8", bytesOf)},
			y: []column{{dtype: "uint8", shape: []int{16, 16}, fill: wrong(6, withVoid, 200)}},
		},
	}
	for id, s := range bad {
		for _, engine := range []pipeline.Engine{"graph", "xla", "auto"} {
			s.records, s.batch, s.fit, s.engine = 40, 4, "epochs=2", engine
			all = append(all, row{
				id: fmt.Sprintf("%s %s", id, engine), right: "failed, with the record's offset", try: s.try,
				want: []string{"failed", "@6|offset 6", "!function_node"},
			})
		}
	}
	return append(all, autoRows()...)
}

// autoRows are streams for which auto would choose XLA for its speed.
func autoRows() []row {
	const records = 40000
	pairs := training{
		file: "49", records: records, batch: 4, fit: "epochs=2", format: "AVRO", engine: "auto",
		x: []column{x(4).named("a"), x(4).named("b")}, y: []column{{dtype: "float32", fill: func(int, int) float64 { return 1 }}},
	}
	few := pairs
	few.records, few.engine, few.y = 32, "graph", []column{{dtype: "float32", fill: zeros}}
	embedding := training{
		file: "small-embedding", records: records, batch: 4, fit: "epochs=2", engine: "auto",
		x: []column{x(3).of("int32", func(r, e int) float64 {
			if r == records-1 && e == 1 {
				return 10
			}
			return classes(10)(r, e)
		})}, y: []column{number()},
	}
	return []row{
		{id: "M1 a", right: "failed, with the record's offset", want: []string{"failed", fmt.Sprint(records - 1)}, try: embedding.try, long: true},
		{id: "M1 c", right: "finite, as by the graph", want: []string{"finished", "!NaN"}, try: pairs.try, long: true},
		{id: "A49", right: "failed: the loss is NaN from epoch 1 on", want: []string{"failed", "NaN", "epoch 1"}, try: few.try},
	}
}

func slicesOf(all ...[]row) (joined []row) {
	for _, rows := range all {
		joined = append(joined, rows...)
	}
	return joined
}
