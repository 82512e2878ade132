package cases

import (
	"maps"
	"slices"
)

// modelRows are the sources, by what Keras' users published and reported.
func modelRows() []row {
	all := slices.Concat(refusedRows(), acceptedRows(), servedRows(), outcomeRows())
	for _, id := range slices.Sorted(maps.Keys(trainings())) {
		s := trainings()[id]
		right, want := "trains, as Keras bit by bit", []string{"finished", "as Keras"}
		if s.near > 0 {
			right = "trains, as Keras but for rounding"
		}
		all = append(all, row{id: id, right: right, want: want, long: longTrainings[id], try: s.try})
	}
	return all
}

// longTrainings are of large models and images.
var longTrainings = map[string]bool{"A03": true, "A44 SGD": true, "A45": true}

// number is a scalar label of float32.
func number() column { return column{dtype: "float32", fill: parts} }

// class is a scalar label below n.
func class(dtype string, n int) column { return column{dtype: dtype, fill: classes(n)} }

// trainings are the sources whose numbers are compared with Keras', by id.
func trainings() map[string]training {
	one := func(c ...column) []column { return c }
	const near = 1e-6 // of sums in another order, as by another number of threads
	all := map[string]training{
		"A03":   {file: "03", records: 32, batch: 16, fit: "epochs=1, steps_per_epoch=2", x: one(x(64, 64, 3).of("uint8", bytesOf)), y: one(column{dtype: "int64", shape: []int{1}, fill: classes(10)})},
		"A06":   {file: "06", records: 40, batch: 10, fit: "epochs=3", x: one(x(3)), y: one(class("uint8", 2))},
		"A07":   {file: "07", records: 32, batch: 16, fit: "epochs=2", x: one(x(6).of("float64", tenths)), y: one(column{dtype: "int64", shape: []int{1}, fill: classes(50)})},
		"A08":   {file: "08", records: 64, batch: 32, fit: "epochs=2", x: one(x(120, 2)), y: one(column{dtype: "float32", shape: []int{120, 3}, fill: zerosBetween}), near: near},
		"A12 a": {file: "12", records: 100, batch: 50, fit: "epochs=3", x: one(x(18)), y: one(x(18))},
		"A13":   {file: "13", records: 20, batch: 1, fit: "epochs=2", x: one(x(1, 18)), y: one(x(1, 18))},
		"A16":   {file: "16", records: 24, batch: 8, fit: "epochs=2", format: "JSON", x: one(column{name: "review", dtype: "string", text: reviews}), y: one(class("uint8", 2))},
		"A19": {
			file: "19", records: 24, batch: 8, fit: "epochs=2", format: "AVRO",
			x: one(column{name: "country", dtype: "int64", fill: classes(5)}, column{name: "hour", dtype: "int64", fill: classes(24)}), y: one(class("uint8", 2)),
		},
		"A23": {
			file: "23", records: 16, batch: 8, fit: "epochs=1", format: "AVRO", x: one(x(10, 5)),
			y: one(column{name: "regression_head", dtype: "float32", shape: []int{3}, fill: zeros}, column{name: "direction_head", dtype: "float32", shape: []int{3, 3}, fill: oneHot(3)}),
		},
		"A25": {file: "25", records: 40, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(column{dtype: "float32", shape: []int{1}, fill: classes(2)}), near: near},
		"A29": {file: "29", records: 32, batch: 8, fit: "epochs=2", x: one(x(24, 1)), y: one(column{dtype: "float32", shape: []int{1}, fill: parts}), label: "1", near: near},
		"A31": {file: "31", records: 32, batch: 8, fit: "epochs=2", x: one(x(5)), y: one(column{dtype: "float32", shape: []int{2}, fill: parts}), label: "2", near: near},
		"A34": {file: "34", records: 32, batch: 16, fit: "epochs=2", x: one(x(8, 8, 1)), near: near},
		"A35": {file: "35", records: 40, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(class("float32", 2)), near: near},
		"A37": {file: "37", records: 16, batch: 8, fit: "epochs=2", x: one(x(16, 16, 3).of("uint8", bytesOf)), y: one(column{dtype: "uint8", shape: []int{16, 16}, fill: withVoid})},
		"A39": {file: "39", records: 24, batch: 8, fit: "epochs=2", x: one(x(10, 6)), y: one(column{dtype: "int32", shape: []int{10}, fill: classes(4)})},
		"A40": {
			file: "40", records: 24, batch: 8, fit: "epochs=2", format: "AVRO", x: one(x(4)),
			y: one(class("int32", 2).named("p"), column{name: "s", dtype: "int32", fill: func(r, _ int) float64 { return float64(r % 2) }}),
		},
		"A41":       {file: "41", records: 32, batch: 8, fit: "epochs=2", x: one(x(28, 28).of("uint8", bytesOf)), y: one(class("uint8", 10))},
		"A42":       {file: "42", records: 8, batch: 4, fit: "epochs=1", x: one(x(1).of("float64", large)), y: one(column{dtype: "float64", shape: []int{1}, fill: large})},
		"A42 times": {file: "42", records: 8, batch: 4, fit: "epochs=1", x: one(x(1).of("float64", times)), y: one(column{dtype: "float64", shape: []int{1}, fill: times})},
		"A43":       {file: "43", records: 24, batch: 8, fit: "epochs=3", x: one(x(1).of("float32", tenths)), y: one(number())},
		"A44 SGD":   {file: "resnet50-sgd", records: 8, batch: 8, fit: "epochs=1, steps_per_epoch=1", x: one(x(64, 64, 3).of("uint8", bytesOf)), y: one(class("uint8", 10)), near: 1e-5},
		"A45":       {file: "45", records: 16, batch: 8, fit: "epochs=1", x: one(x(64, 64, 3).of("uint8", bytesOf)), y: one(class("uint8", 5))},
		"A47":       {file: "47", records: 16, batch: 8, fit: "epochs=2", x: one(x(32, 16, 1)), y: one(column{dtype: "int32", shape: []int{5}, fill: padded}), near: near},
		"A48":       {file: "48", records: 32, batch: 8, fit: "epochs=2", x: one(x(24, 3)), y: one(x(6))},
		"A49 apart": {file: "49", records: 32, batch: 8, fit: "epochs=2", format: "AVRO", x: one(x(4).named("a"), x(4).of("float32", tenths).named("b")), y: one(class("float32", 2)), near: near},
		"A61":       {file: "61", records: 95, batch: 10, fit: "epochs=2", x: one(x(6)), y: one(class("uint8", 3)), near: near},
		"A62 RAW":   {file: "62", records: 40, batch: 8, fit: "epochs=2", x: one(x(12)), y: one(column{dtype: "uint8", shape: []int{5}, fill: classes(2)}), near: near},
		"A64":       {file: "64", records: 8, batch: 4, fit: "epochs=1", x: one(x(8000).of("int16", samples)), y: one(class("uint8", 4)), near: near},
		"A67":       {file: "67", records: 40, batch: 8, fit: "epochs=2", x: one(x(8))},
		"M2 spaces": {
			file: "spaces", records: 16, batch: 8, fit: "epochs=2", format: "JSON",
			x: one(column{name: "petal length", dtype: "float32", fill: parts}, column{name: "petal width", dtype: "float32", fill: tenths}), y: one(number()),
		},
		"M2 digits": {
			file: "digits", records: 16, batch: 8, fit: "epochs=2", format: "JSON",
			x: one(column{name: "1st", dtype: "float32", fill: parts}, column{name: "2nd", dtype: "float32", fill: tenths}), y: one(number()),
		},
		"M3 train_step":            {file: "gan-own", records: 16, batch: 8, fit: "epochs=2", x: one(x(3))},
		"M3 and test_step":         {file: "add-loss", records: 16, batch: 8, fit: "epochs=2", x: one(x(3))},
		"M4 focal, axis":           {file: "focal-axis", records: 30, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(column{dtype: "int32", shape: []int{1}, fill: classes(4)}), near: near},
		"M4 masked":                {file: "masked-mse", records: 24, batch: 8, fit: "epochs=2", x: one(x(5)), y: one(column{dtype: "float32", shape: []int{2}, fill: parts}), label: "2", near: near},
		"M4 quantile slices":       {file: "quantile-slices", records: 24, batch: 8, fit: "epochs=2", x: one(x(4)), y: one(column{dtype: "float32", shape: []int{1}, fill: parts}), label: "1", near: near},
		"M4 weighted classes":      {file: "wce-reshape", records: 24, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(class("int32", 4)), near: near},
		"M5 IntegerLookup adapted": {file: "intlookup-adapt", records: 16, batch: 8, fit: "epochs=2", x: one(x(1).of("int64", zones)), y: one(number())},
		"M5 IntegerLookup":         {file: "intlookup-vocab", records: 16, batch: 8, fit: "epochs=2", x: one(x(1).of("int64", zones)), y: one(number())},
		"M5 StringLookup adapted":  {file: "strlookup-adapt", records: 16, batch: 8, fit: "epochs=2", format: "JSON", x: one(column{name: "x", dtype: "string", shape: []int{1}, text: letters}), y: one(number())},
		"M5 StringLookup":          {file: "hash-string", records: 16, batch: 8, fit: "epochs=2", format: "JSON", x: one(column{name: "city", dtype: "string", shape: []int{1}, text: letters}), y: one(number())},
		"M5 Hashing":               {file: "hashing", records: 16, batch: 8, fit: "epochs=2", x: one(x(1).of("int64", zones)), y: one(number())},
		"M5 Discretization":        {file: "discretization", records: 16, batch: 8, fit: "epochs=2", x: one(x(1).of("float32", tenths)), y: one(number())},
		"M5 Normalization":         {file: "normalization", records: 16, batch: 8, fit: "epochs=2", x: one(x(1).of("float32", tenths)), y: one(number())},
		"M8 called before":         {file: "seq-called-before", records: 16, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(number())},
		"M8 called after":          {file: "seq-called-after", records: 16, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(number())},
		"M8 built":                 {file: "seq-build-after", records: 16, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(number())},
		"M8 subclass":              {file: "subclass-called", records: 16, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(number())},
		"M9 one device":            {file: "mirrored", records: 16, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(number())},
		"M10 CTC":                  {file: "ctc-loss", records: 16, batch: 8, fit: "epochs=2", x: one(x(8, 4)), y: one(column{dtype: "int32", shape: []int{3}, fill: func(r, e int) float64 { return 1 + classes(4)(r, e) }}), near: near},
		"WIN1 arrays":              machineWindows(),
		"A60":                      {file: "60", records: 16, batch: 8, fit: "epochs=2", x: one(x(6)), y: one(number())},
	}
	for id, engine := range map[string]string{"A35": "xla", "A37": "xla", "A64": "xla", "A61": "xla"} {
		s := all[id]
		s.engine, s.keras, s.near = "xla", id, 1e-5
		all[id+" "+engine] = s
	}
	json, avro := all["A62 RAW"], all["A62 RAW"]
	json.format, json.keras, json.x = "JSON", "A62 RAW", one(x(12).named("x"))
	avro.format, avro.keras = "AVRO", "A62 RAW"
	all["A62 JSON"], all["A62 AVRO"] = json, avro
	reshaped := all["A13"]
	reshaped.keras, reshaped.x, reshaped.y = "A13", one(x(18)), one(x(18))
	all["A13 reshaped"] = reshaped
	return all
}

func zerosBetween(r, e int) float64 {
	if e%4 == 0 {
		return 0
	}
	return parts(r, e)
}

func reviews(r int) string {
	return []string{"good film", "bad film", "a good story", "a bad end", "good end", "no such words"}[r%6]
}

func letters(r int) string { return []string{"a", "b", "c", "d"}[r%4] }

// withVoid are classes of pixels, some of them void.
func withVoid(r, e int) float64 {
	if (r+e)%7 == 0 {
		return 255
	}
	return classes(3)(r, e)
}

// padded are labels of 5 classes from 1 on, padded with 0.
func padded(r, e int) float64 {
	if e > 2+r%3 {
		return 0
	}
	return 1 + classes(11)(r, e)
}

// large does not fit a float32.
func large(r, _ int) float64 { return float64(1<<24 + 1 + 2*r) }

// times are seconds since 1970.
func times(r, _ int) float64 { return float64(1764315123 + 37*r) }

func samples(r, e int) float64 { return float64((r*7919+e*131)%65536 - 32768) }

func zones(r, _ int) float64 { return float64(10 * (r % 5)) }
