package files_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// npy is an NPY file of a type, its data left out.
func npy(descr string) string {
	header := "{'descr': " + descr + ", 'fortran_order': False, 'shape': (2,), }\n"
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(header)), 0}) + header
}

// TestRefusalsNameThePlaceAndTheCure holds what a refused file is told: what was
// seen, where, and what to do.
func TestRefusalsNameThePlaceAndTheCure(t *testing.T) {
	tests := map[string]struct {
		name, text   string
		reason, hint string
	}{
		"a text among numbers":      {"t.csv", "a,b,y\n1,2,0\n3,4,1\noff,6,0\n", `"off") in row 3 (line 4)`, "write a number there"},
		"several texts":             {"t.csv", "city,a,day,y\nOslo,1,2024-05-06,0\n", "2 columns hold no numbers: city, day", "--drop city,day"},
		"a decimal comma":           {"t.csv", "a;b;y\n0,5;1;0\n", "it has a decimal comma", `pandas.read_csv("t.csv", sep=";", decimal=",")`},
		"a decimal comma as label":  {"t.csv", "a;b\n1;0,5\n", `column "b"`, "decimal point"},
		"one comma, three digits":   {"t.csv", "a;b;y\n1,000;1;0\n", "a decimal comma, or one between thousands", `thousands="," in place of decimal=","), as pandas does: python -c 'import pandas; pandas.read_csv("t.csv", sep=";", decimal=",")`},
		"commas between thousands":  {"t.csv", "a,b,y\n\"1,012,345\",1,0\n", "commas between thousands", `thousands=","`},
		"a percent sign":            {"t.csv", "a,b,y\n12.5%,1,0\n", "a percent sign", "the number alone"},
		"a currency sign":           {"t.csv", "a,b,y\n€12,1,0\n", "a currency sign", "the number alone"},
		"underscores":               {"t.csv", "a,b,y\n2_500,1,0\n", "underscores between digits", "the digits alone"},
		"hexadecimal":               {"t.csv", "a,b,y\n0xFF,1,0\n", "a hexadecimal number", "a decimal one"},
		"too large":                 {"t.csv", "a,b,y\n1e999,1,0\n", "beyond the range of float64", "below 1.8e308"},
		"too long":                  {"t.csv", "a,b,y\n98765432109876543210,1,0\n", "beyond 64 bits", "1.5e30"},
		"too long, JSON":            {"t.jsonl", `{"a":98765432109876543210,"b":1,"y":0}`, "beyond 64 bits", "1.5e30"},
		"rounded beside fractions":  {"t.csv", "a,b,y\n9007199254740993,1,0\n0.5,2,1\n", "9007199254740993 in row 1 (line 2)", "--drop a"},
		"a dash for missing":        {"t.csv", "a,b,y\n-,1,0\n", "stands for a missing number", "write nothing there"},
		"a missing label":           {"t.csv", "a,kind\n1,p\n2,\n", `label "kind" is missing in 1 of 2 rows, first in row 2 (line 3)`, "fill it in"},
		"a label of both":           {"t.csv", "a,y\n1,0\n2,unsure\n", `"unsure") in row 2 (line 3)`, "class names, or numbers"},
		"a short row":               {"t.csv", "a,b,y\n1,2,0\n3,4\n", "row 2 (line 3): has 2 cells", "as many cells"},
		"a comment below":           {"t.csv", "a,b,y\n1,2,0\n# note\n", "row 2 (line 3)", "comments"},
		"a quotation mark":          {"t.csv", "a,b,y\n1,2,0\n3,4\"x,1\n", "row 2 (line 3): a quotation mark", "write it twice"},
		"a line before the header":  {"t.csv", "made on Monday\na,b,y\n1,2,0\n", "the first row has 1", "take it out"},
		"columns of JSON":           {"t.json", `{"a":[1,2,3],"y":[0,1,0]}`, "one object of columns, 3 values in each", "orient"},
		"columns as pandas'":        {"t.json", `{"a":{"0":1,"1":2},"y":{"0":0,"1":1}}`, "one object of columns, 2 values in each", "orient"},
		"rows within JSON":          {"t.json", `{"n":2,"rows":[{"a":1},{"a":2}]}`, `in its member "rows"`, "rows"},
		"an array that is cut":      {"t.json", `[{"a":1,"y":0},` + "\n" + `{"a":2,"y":1}` + "\n", "the file ends too early", "whole file"},
		"NaN within an array":       {"t.json", `[{"a":1,"y":0},{"a":NaN,"y":1}]`, "row 2: is not JSON: it holds NaN", "null"},
		"commas after objects":      {"t.jsonl", `{"a":1,"y":0},` + "\n" + `{"a":2,"y":1},` + "\n", "a comma stands between", "without commas"},
		"a table of pandas, split":  {"t.json", `{"columns":["a","y"],"index":[0,1],"data":[[1,0],[2,1]]}`, "orient=\"split\"", "read_json"},
		"the header again":          {"t.csv", "a,b,y\n1,2,0\na,b,y\n3,4,1\n", "the header comes again", "take the row out"},
		"another separator":         {"t.csv", "a:b:y\n1:2:0\n", `one column, "a:b:y"`, "commas between"},
		"a decimal comma and tabs":  {"t.tsv", "a\tb\ty\n0,5\t1\t0\n", "a decimal comma", `sep="\t", decimal=","`},
		"rows that are arrays":      {"t.json", `[[1,2],[3,4]]`, "holds \"[1,2]\"", "to_csv"},
		"one member":                {"t.jsonl", `{"x":[1,2]}`, `one column, "x"`, `member "label"`},
		"an array a line":           {"t.jsonl", "[1,2]\n[3,4]\n", `holds "1"`, "lines=True"},
		"an array of arrays":        {"t.json", "[[1,2],[3,4]]", `holds "[1,2]"`, "json.load"},
		"NaN in JSON":               {"t.jsonl", `{"a":1,"y":0}` + "\n" + `{"a":NaN,"y":0}`, "row 2 (line 2): is not JSON: it holds NaN", "null"},
		"Parquet":                   {"t.bin", "PAR1\x15\x04\x15", "a Parquet file that was cut", "write the whole file again"},
		"a spreadsheet":             {"t.xlsx", "PK\x03\x04rest", "a spreadsheet", `read_excel("t.xlsx")`},
		"a zip":                     {"t.zip", "PK\x03\x04rest", "a zip archive", "unzip t.zip"},
		"ARFF":                      {"t.txt", "@RELATION r\n@DATA\n1\n", "an ARFF file", "loadarff"},
		"HDF5":                      {"t.data", "\x89HDF\r\n\x1a\n", "an HDF5 file", "savez"},
		"LIBSVM":                    {"t.txt", "1 3:0.5 9:1e-3\n", "a LIBSVM file", "load_svmlight_file"},
		"a web page":                {"t.csv", "<!doctype html><p>Sign in", "a web page", "the page around it"},
		"a pointer":                 {"t.npy", "version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", ""},
		"a picture":                 {"t.png", "\x89PNG\r\n\x1a\n", "a picture", "a folder for each class"},
		"no TFRecord":               {"t.tfrecord", "\x10\x00\x00\x00\x00\x00\x00\x00", "is not a TFRecord file", ""},
		"no Parquet":                {"t.parquet", "a,y\n1,0\n", "that was cut", "whole file again"},
		"no Feather":                {"t.feather", "a,y\n1,0\n", "is not an Arrow", ""},
		"an old Feather":            {"t.bin", "FEA1\x00\x00\x01", "a Feather file of version 1", "to_parquet"},
		"dates":                     {"t.npy", npy("'<M8[ms]'"), "holds dates", "astype"},
		"durations":                 {"t.npy", npy("'<m8[s]'"), "holds durations", "astype"},
		"objects":                   {"t.npy", npy("'|O'"), "holds Python objects", "numpy.array"},
		"text":                      {"t.npy", npy("'<U7'"), "holds text", "return_inverse"},
		"bytes":                     {"t.npy", npy("'|S7'"), "holds text (bytes)", "return_inverse"},
		"complex":                   {"t.npy", npy("'<c16'"), "complex", "x.imag"},
		"records":                   {"t.npy", npy("[('w', '<f4'), ('h', '<i8')]"), "with the fields w, h", "to_csv"},
		"zstandard":                 {"t.avro", "Obj\x01\x02\x14avro.codec\x12zstandard\x00", `packed by "zstandard"`, "deflate"},
		"a container that is none":  {"t.avro", "ORC\x15\x04", "not an Avro container", ""},
		"an IDX file that is none":  {"t-idx1-ubyte", "\x01\x02NUMPY\x01\x00", "is not an IDX file", ""},
		"a kind that is none":       {"t.csv", "a,y\n1,0\n", "", ""},
		"a header of what has none": {"t.jsonl", `{"a":1}`, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var o files.Options
			switch name {
			case "a kind that is none":
				o.As, test.reason, test.hint = "xls", `"xls" is no kind of file`, "csv, jsonl"
			case "a header of what has none":
				o.Header, test.reason, test.hint = files.HeaderNames, "first row", "leave"
			}
			r, err := files.Open([]string{write(t, test.name, test.text)}, o)
			var refused *pipeline.Error
			if !errors.As(err, &refused) || refused.Kind != pipeline.Invalid {
				t.Fatalf("got %v, %v", r, err)
			}
			if !strings.Contains(refused.Message(), test.reason) || !strings.Contains(refused.Hint, test.hint) {
				t.Errorf("got %v; hint %s", err, refused.Hint)
			}
		})
	}
}

// TestHintsLeadOn follows the hints of refusals.
func TestHintsLeadOn(t *testing.T) {
	const people = "Id,Name,Sex,Age,Fare,Cabin\n1,\"A, B\",f,31,7.5,C1\n2,C,m,,8.5,\n3,D,f,40,9.5,C2\n"
	tests := map[string]struct {
		name, text string
		options    files.Options
	}{
		"texts to drop":       {"t.csv", people, files.Options{Drop: "Name,Sex,Cabin"}},
		"as a table":          {"t.dat", "a b y\n1 2 0\n", files.Options{As: "csv"}},
		"as JSON":             {"t.log", `{"a":1,"y":0}` + "\n", files.Options{As: "jsonl"}},
		"large beside others": {"t.csv", "a,b,y\n9007199254740993,0.5,0\n", files.Options{Format: pipeline.JSON}},
		"tabs and blanks":     {"t.data", "18.0   8   ?  1\t\"a b\"\n15.0   6   130.  1\t\"c d\"\n", files.Options{As: "csv", Label: "column2", Drop: "column5"}},
		"a name with a comma": {"t.csv", "\"w, cm\",b,y\n1,2,0\n", files.Options{Drop: `"w, cm"`}},
		"JSON on one line":    {"t.jsonl", `{"a":1,"y":0}{"a":2,"y":1}` + "\n", files.Options{}},
		"a record of objects": {"t.jsonl", `{"a":1,"l":[{"q":1},{"q":2}],"y":0}` + "\n", files.Options{Drop: "l"}},
		"empty cells at ends": {"t.csv", "a,b,y\n1,2,0,\n3,4,1,,\n", files.Options{}},
		"names of an array":   {"t.csv", "0,1,2\n0.5,2.5,1\n", files.Options{Label: "2"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := files.Open([]string{write(t, test.name, test.text)}, test.options)
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, _, err = r.Next()
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTheMembersOfAnArchiveAreToldApart takes archives whose members have names
// of their own.
func TestTheMembersOfAnArchiveAreToldApart(t *testing.T) {
	pair, train := []string{"testdata/pair.npz"}, []string{"testdata/train.npz"}
	for name, test := range map[string]struct {
		paths   []string
		options files.Options
		said    string
	}{
		"the other of two":       {pair, files.Options{Label: "x"}, "sample: one number of y; label: 2x3 of x"},
		"the label alone is not": {pair, files.Options{Only: true, Drop: "x"}, "sample: one number of y; label: none"},
		"by their names":         {train, files.Options{}, "label: one number of y_train"},
		"one left out":           {train, files.Options{Label: "y_train", Drop: "extra"}, "of x_train; label: one number of y_train"},
	} {
		r, err := files.Open(test.paths, test.options)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if said := strings.Join(r.Report(), "\n"); !strings.Contains(said, test.said) {
			t.Errorf("%s: %s", name, said)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
