package cases

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// generated is the folder of files and records that the generators make, once.
var generated = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(kafkaml.dir, "generated")
	python, packages, err := toolchain.Python()
	if err != nil {
		return "", err
	}
	for _, name := range []string{"c_csv", "c_arrays", "c_containers", "b_avro", "b_json", "b_raw"} {
		cmd := exec.Command(python, filepath.Join("generators", name+".py"), filepath.Join(dir, name[:1], strings.TrimPrefix(name, name[:2]))) // #nosec G204 -- of the toolchain
		cmd.Env = append(os.Environ(), "PYTHONPATH="+packages, "PYTHONDONTWRITEBYTECODE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

// file finds a file of the folder or of the generators.
func (a *attempt) file(name string) string {
	if path, err := filepath.Abs(filepath.Join("files", name)); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	dir, err := generated()
	a.must(err)
	found, err := filepath.Glob(filepath.Join(dir, "*", "*", name))
	a.must(err)
	if len(found) != 1 {
		a.must(fmt.Errorf("%d files are called %s", len(found), name))
	}
	return found[0]
}

// nobody is a deployment that there is not: a file is sent, and nothing trains.
const nobody = "999999"

// sends is a row that sends files as a training stream: names of files and
// arguments, separated by blanks.
func sends(id, right, args string, want ...string) row {
	return row{id: id, right: right, want: want, try: func(a *attempt) string {
		said, _ := a.streams(args)
		return said
	}}
}

// streams types stream send and says what it said, and how many records came.
func (a *attempt) streams(args string) (said, topic string) {
	topic = a.topic
	all := []string{"stream", "send"}
	deployment := []string{"--deployment", nobody, "--unchecked"}
	for arg := range strings.FieldsSeq(args) {
		switch {
		case strings.HasPrefix(arg, "file:"):
			arg = a.file(strings.TrimPrefix(arg, "file:"))
		case arg == "--deployment" || arg == "--predict":
			deployment = nil
		}
		all = append(all, strings.ReplaceAll(arg, "~", " "))
	}
	text, code := a.types(append(append(all, deployment...), "--topic", topic)...)
	return fmt.Sprintf("code %d, %d in the log: %s", code, len(a.read(topic)), strings.ReplaceAll(text, filepath.Dir(a.dir), "")), topic
}

// fileRows are files as people keep them.
func fileRows() []row {
	return slicesOf(tableRows(), cellRows(), arrayRows(), containerRows(), sentFileRows())
}

// tableRows are CSV files: their encodings, headers, labels and rows.
func tableRows() []row {
	return []row{
		sends("C1", "60 rows, no empty ones", "file:c1-european.csv --label PT08.S1(CO) --drop Date,Time,CO(GT),C6H6(GT),T,RH", "code 0", "60 in the log"),
		sends("C1 decimal commas", "cell, row, column, and the comma", "file:c1-european.csv --label RH --drop Date,Time", "0 in the log", "1,0", "line 2", "CO(GT)", "decimal"),
		sends("C2 csv", "the label that is missing, its row", "file:c2-power.csv --label Sub_metering_3 --drop Date,Time", "0 in the log", "missing", "line 11"),
		sends("C2 skipped", "? is missing, counted", "file:c2-power.csv --label Sub_metering_3 --drop Date,Time --limit 9", "9 in the log"),
		sends("C2 txt", "read as the CSV that it is", "file:c2-power.txt --label Sub_metering_3 --drop Date,Time", "0 in the log", "missing", "line 11"),
		sends("C2 txt skipped", "read as the CSV that it is", "file:c2-power.txt --label Sub_metering_3 --drop Date,Time --limit 9", "9 in the log"),
		sends("C3 bom", "column a", "file:c3-bom.csv --label y", "20 in the log", "!\ufeff"),
		sends("C3 bom, quoted", "works", "file:c3-bom-quoted.csv --label y", "20 in the log"),
		sends("C3 bom, quoted, small", "works", "file:cb.csv --label y", "2 in the log"),
		sends("C3 bom, no header", "two rows", "file:cbn.csv", "2 in the log"),
		sends("C3 utf16", "read, or the encoding and its cure named", "file:c3-utf16.csv --label y", "UTF-16|20 in the log"),
		sends("C3 utf16 without a mark", "read, or the encoding and its cure named", "file:u16nobom.csv --label y", "UTF-16|2 in the log"),
		sends("C3 latin1", "mended", "file:c3-latin1.csv --label y", "20 in the log"),
		sends("C3 sep=", "honoured", "file:c3-sep-line.csv --label y", "20 in the log"),
		sends("C3 umlauts", "the name as it is", "file:uni.csv --label y", "2 in the log"),
		sends("C4", "30 rows, missing Age said", "file:c4-quoted.csv --label Survived --drop Id,Name,Sex,Embarked,Cabin", "30 in the log", "missing", "Age 6"),
		sends("C4 without --drop", "a text column, its row, and --drop", "file:c4-quoted.csv --label Survived", "code 4|code 2|code 1", "--drop", "0 in the log"),
		sends("C5", "which column is the label", "file:c5-label-first.csv.gz", "200 in the log", "label: column19"),
		sends("C5 label", "column1", "file:c5-label-first.csv.gz --label column1", "200 in the log", "label: column1"),
		sends("C5 census", "text columns named", "file:c5-census.csv --label column5", "0 in the log", "column2", "--drop"),
		sends("C5 census, dropped", "30 rows, two classes", "file:c5-census.csv --label column5 --drop column2", "30 in the log", "<=50K"),
		sends("C5 census-test", "refused", "file:c5-census-test.csv --label column5 --drop column2", "0 in the log", "Cross validator"),
		sends("C6", "the first row was taken for names", "file:c6-letters.csv", "0 in the log", "--no-header|names"),
		sends("C7 pandas' index", "20 rows, names 0, 1, 2", "file:c7-pandas-index.csv", "20 in the log", "header"),
		sends("C7 numbers", "20 rows, --label 2 works", "file:c7-numbers.csv --label 2", "20 in the log", "label: 2"),
		sends("C7 numbers, no label", "20 rows, and how the first was taken", "file:c7-numbers.csv", "20 in the log", "header"),
		sends("C7'", "three columns and the index", "file:ci.csv --label y", "2 in the log"),
		sends("C7'' NA", "header", "file:cn.csv --label y", "2 in the log"),
		sends("C7'' true", "header", "file:ct.csv --label y", "2 in the log"),
		sends("C7'' inf, nan", "header", "file:cinf.csv --label label", "2 in the log"),
		sends("C7 years", "names", "file:c7-years.csv --label growth --drop country", "20 in the log"),
		sends("C7 years, small", "names", "file:cy.csv --label growth", "2 in the log"),
		sends("C7 pixels", "label by name", "file:c7-pixels.csv --label label", "50 in the log"),
		sends("C7 no header", "two rows, said", "file:nohdr.csv", "2 in the log", "header"),
		sends("C7 --no-header", "21 rows", "file:c7-numbers.csv --no-header", "21 in the log"),
		sends("C7 --header", "one row", "file:nohdr.csv --header", "1 in the log"),
		sends("C8 text", "classes", "file:c8-label-text.csv --label species", "30 in the log", "Iris-setosa"),
		sends("C8 text, RAW", "classes", "file:c8-label-text.csv --label species --format RAW", "30 in the log", "Iris-setosa"),
		sends("C8 text, JSON", "classes", "file:c8-label-text.csv --label species --format JSON", "30 in the log", "Iris-setosa"),
		sends("C8 yes and no", "classes", "file:yesno.csv --label y", "2 in the log", "no"),
		sends("C8 TRUE and False", "two classes", "file:c8-label-true-false.csv --label fraud", "30 in the log"),
		sends("C8 in the middle", "30 rows", "file:c8-label-in-the-middle.csv --label target", "30 in the log"),
		sends("C8 mixed", "refused, or classes listed", "file:c8-label-mixed.csv --label class", "unknown"),
		sends("C8 missing", "refused before sending, naming row 5", "file:c8-label-missing.csv --label class", "0 in the log", "row 5|row 6|line 7|line 6", "no label|missing|empty"),
		sends("C8 from a price on", "label guessed, said", "file:cl.csv", "2 in the log", "label: area", "--label"),
		sends("C8 one column", "said", "file:c10-one-column.csv --label y", "code", "0 in the log"),
	}
}

// cellRows are CSV files: their cells, delimiters and lengths.
func cellRows() []row {
	return []row{
		sends("C9 thousands", "column, cell, row", "file:c9-thousands.csv --label y", "0 in the log", "1,234.50", "line 2|row 0|row 1", "a"),
		sends("C9 percent", "column, cell, row", "file:c9-percent.csv --label y", "0 in the log", "%", "line 2|row 0|row 1"),
		sends("C9 decimal comma", "read, or said", "file:c9-decimal-comma-two-columns.csv --label y", "20 in the log|comma"),
		sends("C9 semicolons, decimal commas", "read, or said", "file:semi.csv --label y", "2 in the log|comma"),
		sends("C9 odd numbers", "refused", "file:c9-odd-numbers.csv --label y", "0 in the log", "1_000"),
		sends("C9 1_000", "refused", "file:n_underscore.csv --label y", "0 in the log", "1_000"),
		sends("C9 0x10", "refused", "file:n_hex.csv --label y", "0 in the log", "0x10"),
		sends("C9 0x1p4", "refused", "file:n_hexfloat.csv --label y", "0 in the log", "0x1p4"),
		sends("C9 1e400", "refused, or said", "file:n_over.csv --label y", "1e400|infini"),
		sends("C9 inf", "said", "file:n_inf.csv --label y", "infini|inf"),
		sends("C9 Infinity", "said", "file:n_infinity.csv --label y", "infini"),
		sends("C9 NaN", "said", "file:n_nan.csv --label y", "missing|NaN"),
		sends("C9 missing", "each spelling, counted", "file:n_missing.csv --label y", "missing|\"-\"", "a"),
		sends("C9 forms", "1e5, +2, .5", "file:n_forms.csv --label y", "3 in the log"),
		sends("C9 leading zeros", "7 and 10", "file:n_zeros.csv --label y", "2 in the log"),
		sends("C9 1.0", "numbers", "file:n_intfloat.csv --label y", "2 in the log"),
		sends("C10 short", "row named", "file:c10-short-row.csv --label y", "line 9|row 7|row 8", "0 in the log"),
		sends("C10 long", "row named", "file:c10-long-row.csv --label y", "line 9|row 7|row 8", "0 in the log"),
		sends("C10 trailing comma", "20 rows", "file:c10-trailing-comma.csv --label y", "20 in the log"),
		sends("C10 trailing comma, small", "2 rows", "file:ce.csv --label y", "2 in the log"),
		sends("C10 comments", "said", "file:c10-comments.csv --label y", "20 in the log|comment|#"),
		sends("C10 blank lines", "20 rows", "file:c10-blank-lines.csv --label y", "20 in the log"),
		sends("C10 blanks at the end", "2 rows", "file:trailblank.csv --label y", "2 in the log"),
		sends("C10 empty rows", "2 rows", "file:emptyrows.csv --label y", "2 in the log"),
		sends("C10 empty row, fractions", "2 rows", "file:cter.csv --label y", "2 in the log"),
		sends("C10 duplicate names", "named", "file:c10-duplicate-names.csv --label y", "a", "20 in the log|two columns"),
		sends("C10 header only", "no rows", "file:c10-header-only.csv --label y", "0 in the log", "!code 0"),
		sends("C10 empty", "empty", "file:c10-empty.csv --label y", "0 in the log", "empty", "!code 0"),
		sends("C10 CRLF", "2 rows", "file:crlf.csv --label y", "2 in the log"),
		sends("C10 CR", "2 rows, or said", "file:cr.csv --label y", "2 in the log|line end|carriage"),
		sends("C10 no line end", "2 rows", "file:noeol.csv --label y", "2 in the log"),
		sends("C10 quote", "line and what is wrong", "file:quote.csv --label y", "line 3|row 1|row 2", "0 in the log"),
		sends("C10 quoted", "2 rows", "file:quoted.csv --label y", "2 in the log"),
		sends("C10 pipes", "read, or the separator named", "file:pipe.csv --label y", "2 in the log"),
		sends("C10 blanks between", "read, or the separator named", "file:space.csv --label y", "2 in the log|blank|space"),
		sends("C10 tabs", "2 rows", "file:tabs.csv --label y", "2 in the log"),
		sends("C10 dates", "the column, and --drop", "file:dates.csv --label y", "0 in the log", "ts", "--drop"),
		sends("C10 dates, dropped", "2 rows", "file:dates.csv --label y --drop ts", "2 in the log"),
		sends("C10 no values", "missing, counted", "file:cq.csv --label y", "2 in the log", "a 1, b 1|a 1"),
		exact("C11", "exact, or refused by name", "file:c19.csv --label y"),
		exact("C11 JSON lines", "exact, or refused by name", "file:j19.jsonl --label y"),
		exact("C11 JSON", "exact, or refused by name", "file:c19.csv --label y --format JSON"),
		sends("C11 unix ms", "exact", "file:c11-unix-ms.csv --label y", "20 in the log"),
		sends("C13 late text", "row 901", "file:c13-late-text.csv --label y", "0 in the log", "row 900|row 901|line 902"),
		sends("C13 late fraction", "label double", "file:c13-late-fraction.csv --label y", "1000 in the log"),
		sends("C8 floats", "30 rows; 3 is out of range", "file:c8-label-floats.csv --label class", "30 in the log"),
	}
}

// exact is a row of numbers that no float64 holds.
func exact(id, right, args string) row {
	const id19 = 1234567890123456789
	return row{id: id, right: right, want: []string{"exact|code 4"}, try: func(a *attempt) string {
		said, topic := a.streams(args)
		records := a.read(topic)
		if len(records) == 0 {
			return said
		}
		value := string(records[0].Value)
		for _, exactly := range []string{string(binary.AppendVarint(nil, id19)), fmt.Sprint(id19), string(binary.LittleEndian.AppendUint64(nil, id19))} {
			if strings.Contains(value, exactly) {
				return "exact; " + said
			}
		}
		return fmt.Sprintf("%q; %s", value, said)
	}}
}

// sentFileRows are files that train.
func sentFileRows() []row {
	dense := func(n int) string { return dense(n, 2, sparse) }
	trains := func(inputs int, args string) func(a *attempt) string {
		return func(a *attempt) string {
			m, err := a.model("", dense(inputs))
			a.must(err)
			d, err := a.deployment(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=1")})
			a.must(err)
			said, _ := a.streams(fmt.Sprintf("%s --deployment %d", args, d.ID))
			if !strings.Contains(said, "code 0") {
				return said
			}
			_, told := a.result(d.ID)
			return told + "; " + said
		}
	}
	return []row{
		{id: "C4 trained", right: "failed: NaN, Age is missing in 6", want: []string{"failed", "NaN", "Age"}, try: trains(3, "file:c4-quoted.csv --label Survived --drop Id,Name,Sex,Embarked,Cabin")},
		{id: "C8 trained on 3", right: "label 3, classes 0 to 1", want: []string{"failed|code 4", "classes 0 to 1|2 classes"}, try: trains(2, "file:c8-label-floats.csv --label class")},
		{id: "C8 digits 5 and 9", right: "label 5, classes 0 to 1", want: []string{"failed|code 4", "classes 0 to 1|2 classes"}, try: trains(2, "file:labels59.csv --label y")},
		{id: "C12", right: "trains", want: []string{"finished", "8 records"}, try: trains(12000, "file:c12-wide.csv --label tumour")},
		{id: "C12 RAW", right: "trains", want: []string{"finished", "8 records"}, try: trains(12000, "file:c12-wide.csv --label tumour --format RAW")},
		{id: "C12 served", right: "predicts", want: []string{"1 predictions, 0 dead"}, try: func(a *attempt) string {
			m, err := a.model("", dense(12000))
			a.must(err)
			d, err := a.deployment(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=1")})
			a.must(err)
			said, topic := a.streams(fmt.Sprintf("file:c12-wide.csv --label tumour --deployment %d", d.ID))
			r, told := a.result(d.ID)
			if r.Status != pipeline.ResultFinished {
				return told + "; " + said
			}
			i := a.serve(r, pipeline.Source)
			return a.predict(i, record{value: a.read(topic)[0].Value})
		}},
		{id: "C14 Ctrl-C", right: "records are sent, no control message", want: []string{"code 130", "no control message"}, try: interrupted},
	}
}

// interrupted is a stream send that Ctrl-C ends.
func interrupted(a *attempt) string {
	cmd := a.command("stream", "send", a.file("c13-late-fraction.csv"), "--label", "y", "--rate", "5", "--topic", a.topic, "--deployment", nobody, "--unchecked")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	a.must(cmd.Start())
	defer context.AfterFunc(a.ctx, func() { _ = cmd.Process.Kill() })()
	a.must(a.within(waitTime, func() (string, bool, error) {
		return "no record is sent", len(a.read(a.topic)) > 3, a.ctx.Err()
	}))
	a.must(cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // its state says how it ended
	return fmt.Sprintf("code %d: %s", cmd.ProcessState.ExitCode(), out.String())
}
