package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// soakFor is how long an inference is kept under half of what it can do at most,
// such as "1h"; a few seconds without it.
const soakFor = "KAFKAML_SOAK"

// use is what a process holds.
type use struct {
	kilobytes int // resident
	files     int // open
}

// used reads what a process holds now.
func used(pid int) (u use) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // empty for one that has just ended
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			u.kilobytes, _ = strconv.Atoi(strings.Fields(value)[0])
		}
	}
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	u.files = len(open)
	return u
}

// soak keeps the direct flow under half of the highest rate that it was measured
// at, with a rebalance, the death of the broker and an update within, and wants
// every record predicted, and the host to hold at the end what it held after a
// tenth of the time.
func (w *world) soak(lasts time.Duration) {
	w.t.Helper()
	f := w.direct
	highest := w.highest()
	f.batch.Store(max(gentle, int64(highest/2*pace.Seconds())))
	defer f.batch.Store(gentle)
	rest := func(share float64) { time.Sleep(time.Duration(share * float64(lasts))) } // the load lasts so long
	rest(0.1)
	f.percentile(0)
	before := used(w.running.Process.Pid)
	rest(0.2)
	quiet := f.percentile(0.99)
	for _, n := range []string{"3", "2"} {
		w.kafkaml("inferences", "scale", fmt.Sprint(f.inference.ID), n)
		rest(0.1)
	}
	w.brokerAgain(w.t, w.toOne(apacheJava, syscall.SIGKILL))
	rest(0.2)
	w.kafkaml("inferences", "update", fmt.Sprint(f.inference.ID), "--result", fmt.Sprint(w.another.ID))
	rest(0.3)
	f.batch.Store(gentle)
	records, lost, again := f.settle()
	const spareKilobytes = 96 << 10
	spareFiles := 32
	if lasts < time.Minute { // that for which idle connections stay
		spareFiles = 128
	}
	var after use
	within(w.t, waitTime, "the host holds what it held", func() (string, bool) {
		after = used(w.running.Process.Pid)
		return fmt.Sprintf("%+v, then %+v", before, after), after.kilobytes <= before.kilobytes+spareKilobytes && after.files <= before.files+spareFiles
	})
	w.t.Logf("%s at %.0f records/s (half of the highest rate): %d records, %d lost, %d came twice; p99 %s undisturbed, %s with a rebalance, a death of the broker and an update; the host held %d MB and %d files, then %d MB and %d files",
		lasts, highest/2, records, lost, again, quiet.Round(time.Millisecond), f.percentile(0.99).Round(time.Millisecond),
		before.kilobytes>>10, before.files, after.kilobytes>>10, after.files)
	if lost > 0 {
		w.t.Errorf("%d records are lost", lost)
	}
}

// highest measures how many records the direct flow predicts in a second.
func (w *world) highest() float64 {
	w.t.Helper()
	const burst, set = 40_000, 1000
	samples, _ := points(set)
	var records []stream.Record
	for _, s := range samples {
		records = append(records, stream.Record{Value: floats(s)})
	}
	w.direct.settle()
	began := time.Now()
	for n := range burst / set {
		send(w.t, w.c, w.direct.inference.InputTopic, n%2, records...)
	}
	w.direct.settle()
	return burst / time.Since(began).Seconds()
}

// trainAnother trains the model that is served once more.
func (w *world) trainAnother() pipeline.Result {
	w.t.Helper()
	deployment := w.created(deploySmall...)
	w.kafkaml("datasources", "resend", "1", "--deployment", deployment)
	return w.finished(deployment, 1)[0]
}
