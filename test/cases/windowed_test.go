package cases

import (
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A stream of readings: so many machines, each read in turn.
const (
	machines     = 4
	machineTurns = 50
	machineSteps = 6 // of a window; its label is that of the reading after it
)

// machineWindows are the windows of the readings of each machine, in the order in
// which the label of each comes, as somebody makes arrays of them for Keras.
func machineWindows() training {
	reading := func(window, step int) int { return machines*(window/machines+step) + window%machines }
	return training{
		file: "windows-lstm", records: machines * (machineTurns - machineSteps), batch: 16, fit: "epochs=2",
		x: []column{x(machineSteps, 3).of("float32", func(window, element int) float64 { return parts(reading(window, element/3), element%3) })},
		y: []column{{dtype: "float32", shape: []int{1}, fill: func(window, _ int) float64 { return tenths(reading(window, machineSteps), 0) }}},
	}
}

// machineReadings are the readings, each a record.
func machineReadings() (all []record) {
	for i := range machines * machineTurns {
		all = append(all, record{
			key:   fmt.Appendf(nil, "machine-%d", i%machines),
			value: fmt.Appendf(nil, `{"id":%d,"at":{"rpm":%v,"bar":%v,"degrees":%v},"next":%v}`, i, parts(i, 0), parts(i, 1), parts(i, 2), tenths(i, 0)),
		})
	}
	return all
}

// windowRows are streams whose samples are windows of several records.
func windowRows() []row {
	of := func(id, right string, window message, then func(*attempt, pipeline.Result) string, want ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			s := machineWindows()
			m, err := a.model(seeded, source(s.file))
			a.must(err)
			form := pipeline.DeploymentForm{BatchSize: s.batch, Engine: "graph", TrainingKwargs: pipeline.ArgumentsOf(s.fit + ", shuffle=False")}
			r, said := a.send(m, form, machineReadings(), "JSON", message{"inputs": []string{"at.rpm", "at.bar", "at.degrees"}, "label": "next", "window": window})
			if r.Status == pipeline.ResultFinished && then != nil {
				said = then(a, r) + "; " + said
			}
			return said
		}}
	}
	asKeras := func(a *attempt, r pipeline.Result) string {
		s := machineWindows()
		s.keras = "WIN1 arrays"
		return s.compare(a, r) + "; " + r.Split.Windows.Said
	}
	return []row{
		of("WIN1", "windows of each machine and the label after them: Keras' numbers on arrays of the same", message{"by": "key", "size": machineSteps, "horizon": 1}, asKeras,
			"finished", "as Keras bit by bit", "176 windows of 6 records, from 200 records of 4 keys"),
		of("WIN2", "no key has as many records: how many, and which has most", message{"by": "id", "size": machineSteps, "horizon": 1}, nil,
			"failed", "no key has 7 records, 6 of a window and 1 to its last label; the most is 1, of key"),
		of("WIN3", "both numbers, before a Job", message{"by": "key", "size": 24}, nil,
			"failed", "a window is 24 records", "takes 6 (6x3)", `"size": 6`, "!@0"),
		of("WIN4", "a window longer than the stream: both numbers, before a Job", message{"by": "key", "size": machineSteps, "horizon": 500}, nil,
			"failed", "take 506 records one after the other, and the stream has 200 in all"),
	}
}
