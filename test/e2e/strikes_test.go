package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// stopped stops a process for a while.
func (w *world) stopped(pid int) {
	w.t.Helper()
	terminate(pid, syscall.SIGSTOP)
	time.Sleep(w.outage) // the fault lasts so long
	terminate(pid, syscall.SIGCONT)
}

// stages kills a training in one stage after the other: before its first has
// ended, and after each of those that others follow.
func stages(w *world) {
	w.t.Helper()
	for _, ended := range []pipeline.Stage{"", pipeline.StageReading, pipeline.StageTraining, pipeline.StageEvaluating} {
		w.trainingWhile(func() {
			c := w.one(trainer)
			if ended == "" {
				terminate(c.pid, syscall.SIGKILL)
				return
			}
			within(w.t, waitTime, "the end of "+string(ended), func() (string, bool) {
				logs := w.jobLogs()
				return logs, !c.alive() || strings.Contains(logs, fmt.Sprintf("stage=%s ", ended)) || strings.Contains(logs, fmt.Sprintf(`"stage":%q`, ended))
			})
			terminate(c.pid, syscall.SIGKILL)
		})
	}
}

// jobLogs is what the newest training says.
func (w *world) jobLogs() string {
	w.t.Helper()
	var newest os.FileInfo
	all, err := os.ReadDir(w.path("data/logs/jobs"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		if info, err := e.Info(); err == nil && (newest == nil || info.ModTime().After(newest.ModTime())) {
			newest = info
		}
	}
	if newest == nil {
		return ""
	}
	text, err := os.ReadFile(w.path("data/logs/jobs/" + newest.Name()))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// aborted trains and predicts on a topic where transactions were aborted between
// those that were committed: the records of these count, no others.
func aborted(w *world) {
	w.t.Helper()
	i := w.inference("aborted")
	samples, _ := points(30)
	var good, bad []stream.Record
	for _, s := range samples {
		good = append(good, stream.Record{Key: []byte{1}, Value: floats(s)})
		bad = append(bad, stream.Record{Key: []byte{1}, Value: []byte(undecodable)})
	}
	x := streamtest.NewTransactions(w.t, w.c)
	x.Send(i.InputTopic, 0, good, true)
	x.Send(i.InputTopic, 0, bad, false)
	x.Send(i.InputTopic, 0, good, true)
	w.duplicate += everyRecord(w.t, w.c, i.ID, i.InputTopic, i.OutputTopic)
	if n := total(count(w.t, w.c, i.OutputTopic)); n != 60 {
		w.t.Errorf("%d predictions of 60 records that were committed", n)
	}
	deployment := w.created(deploySmall...)
	w.kafkaml("datasources", "create", "--topic", i.InputTopic, "--deployment", deployment, "--format", "RAW", "--unchecked", "--input-config",
		`{"data_type": "float32", "data_reshape": "3", "label_type": "uint8", "label_reshape": ""}`)
	if r := w.finished(deployment, 1)[0]; r.Lineage.Records != 60 {
		w.t.Errorf("trained on %d records, want the 60 that were committed", r.Lineage.Records)
	}
	w.kafkaml("inferences", "delete", fmt.Sprint(i.ID))
}

// expired lets the records of a stream and of an inference's input expire while
// nobody reads them, over a death of the broker: the stream is refused, with the
// reason, and the inference goes on with what comes.
func expired(w *world) {
	w.t.Helper()
	i := w.inference("expired")
	w.kafkaml("inferences", "stop", fmt.Sprint(i.ID))
	deployment := w.created(deploySmall...)
	samples, _ := points(30)
	var records []stream.Record
	for _, s := range samples {
		records = append(records, stream.Record{Key: []byte{1}, Value: floats(s), Time: time.Now().Add(-time.Hour)})
	}
	if _, err := w.c.Produce(w.t.Context(), i.InputTopic, 0, records); err != nil {
		w.t.Fatal(err)
	}
	expires(w, i.InputTopic)
	w.brokerAgain(w.t, w.toOne(apacheJava, syscall.SIGKILL))
	within(w.t, waitTime, "the records expire", func() (string, bool) {
		first, next, err := w.c.Offsets(w.t.Context(), i.InputTopic)
		return fmt.Sprint(first, next, err), err == nil && first[0] == next[0] && next[0] >= int64(len(records))
	})
	if out, said, code := w.try("datasources", "create", "--topic", i.InputTopic+":0:0:30", "--deployment", deployment, "--format", "RAW", "--unchecked",
		"--input-config", `{"data_type": "float32", "data_reshape": "3", "label_type": "uint8", "label_reshape": ""}`); code == 0 || !strings.Contains(said, "expired") {
		w.t.Errorf("a stream that has expired: exit code %d, %s%s", code, out, said)
	}
	w.kafkaml("inferences", "start", fmt.Sprint(i.ID))
	send(w.t, w.c, i.InputTopic, 0, records...)
	within(w.t, waitTime, "the predictions of what came after", func() (string, bool) {
		_, next, err := w.c.Offsets(w.t.Context(), i.OutputTopic)
		return fmt.Sprint(next, err), err == nil && total(next) >= int64(len(records))
	})
	w.kafkaml("inferences", "delete", fmt.Sprint(i.ID))
}

// expires lets the records of a topic go ten minutes after they were written.
func expires(w *world, topic string) {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.Brokers...))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	after := fmt.Sprint((10 * time.Minute).Milliseconds())
	answers, err := kadm.NewClient(client).AlterTopicConfigs(w.t.Context(), []kadm.AlterConfig{{Name: "retention.ms", Value: &after}}, topic)
	if err == nil {
		err = answers[0].Err
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
