package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	windowSize       = 4
	windowKeys       = 12
	windowPartitions = 4
	windowConfig     = `{"inputs": "v", "label": "y", "where": "value.v >= 0.0", "window": {"by": "key", "size": 4}}`
)

// killFor is how long TestWindowsSurviveKills goes on with a kill a minute, over
// Apache Kafka, such as "1h"; without it, a few kills over the development broker.
const killFor = "KAFKAML_KILL_FOR"

// TestWindowsSurviveKills kills the replicas of an inference that keeps the last
// records of each key while records flow, and wants each window predicted, from
// exactly its own records.
func TestWindowsSurviveKills(t *testing.T) {
	t.Parallel()
	broker, lasts, pace := "development", time.Duration(0), 20*time.Millisecond
	if text := os.Getenv(killFor); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
		broker, pace = "kafka", 100*time.Millisecond
	}
	m := newMachine(t, nil, "--broker", broker)
	m.model("window", "window.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "window")
	deployment := m.created("deployments", "create", "--configuration", "one", "--batch-size", "10", "--training-kwargs", "epochs=1, verbose=0")
	c := m.dial()
	for _, topic := range []string{"learn", "live"} {
		if err := c.CreateTopic(t.Context(), topic, windowPartitions, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if err := step(t.Context(), c, "learn"); err != nil {
			t.Fatal(err)
		}
	}
	m.kafkaml("datasources", "create", "--topic", "learn", "--deployment", deployment, "--format", "JSON", "--input-config", windowConfig)
	r := m.finished(deployment, 1)[0]
	id := m.created("inferences", "create", "--result", strconv.FormatInt(r.ID, 10), "--replicas", "2", "--engine", "onnx", "--input-topic", "live", "--output-topic", "told", "--watch")
	i := jsonOf[pipeline.Inference](m, "inferences", "show", id)
	if i.Delivery != pipeline.Direct {
		t.Errorf("the delivery is %s", i.Delivery)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	defer load.Wait()
	defer cancel()
	load.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for ctx.Err() == nil {
			// What was written while a broker did not answer, the log says.
			if err := step(context.WithoutCancel(ctx), c, "live"); err != nil && pipeline.KindOf(err) != pipeline.Unavailable {
				t.Error(err)
				return
			}
			<-tick.C
		}
	})
	kills := killReplicas(t, m, c, lasts)
	cancel()
	load.Wait()
	windows, repeated := everyWindow(t, c, i.ID)
	t.Logf("%d windows after %d kills, none lost or wrong; %d predictions came twice", windows, kills, repeated)
}

// step writes a number of each key; of those that are no step of a window, one is
// left out by the filter, and one cannot be read.
func step(ctx context.Context, c *stream.Cluster, topic string) error {
	var of [windowPartitions][]stream.Record
	for k := range windowKeys {
		value := fmt.Sprintf(`{"v": %d, "y": 0}`, rand.IntN(31))
		switch rand.IntN(50) {
		case 0:
			value = `{"v": -1, "y": 0}`
		case 1:
			if topic == "live" {
				value = undecodable
			}
		}
		of[k%windowPartitions] = append(of[k%windowPartitions], stream.Record{Key: fmt.Append(nil, "key-", k), Value: []byte(value), Time: time.Now()})
	}
	for p, records := range of {
		if _, err := c.Produce(ctx, topic, p, records); err != nil {
			return err
		}
	}
	return nil
}

// killReplicas kills a replica, every other time another one before the first has
// come back, and waits until there are predictions again: for so long, or once.
func killReplicas(t *testing.T, m *machine, c *stream.Cluster, lasts time.Duration) (kills int) {
	t.Helper()
	kill := func() {
		m.one(predictor)
		if all := m.children(predictor); len(all) > 0 {
			terminate(all[rand.IntN(len(all))].pid, syscall.SIGKILL)
			kills++
		}
	}
	flows := func() {
		before := int64(-1)
		within(t, waitTime, "predictions", func() (string, bool) {
			_, next, err := c.Offsets(t.Context(), "told")
			now := total(next)
			if err == nil && before < 0 {
				before = now
			}
			return fmt.Sprintf("%d, before %d, %v", now, before, err), err == nil && now > before+100
		})
	}
	flows()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	end := time.Now().Add(lasts)
	for round := 0; ; round++ {
		kill()
		if round%2 == 0 {
			kill()
		}
		flows()
		if time.Now().After(end) {
			return kills
		}
		<-minute.C
	}
}

// everyWindow waits for the predictions of all windows of the log, and wants each to
// be that of its own four numbers, and no other.
func everyWindow(t *testing.T, c *stream.Cluster, inference int64) (windows, repeated int) {
	t.Helper()
	want := map[string]float64{}
	last := map[string][]float64{}
	for _, r := range read(t, c, "live") { // by partition, in the order of the log
		var step struct{ V float64 }
		if json.Unmarshal(r.Value, &step) != nil || step.V < 0 {
			continue
		}
		key := string(r.Key)
		if last[key] = append(last[key], step.V); len(last[key]) < windowSize {
			continue
		}
		last[key] = last[key][len(last[key])-windowSize:]
		number := 0.0
		for _, v := range last[key] {
			number = 31*number + v
		}
		want[fmt.Sprintf("%d:live:%d:%d", inference, r.Partition, r.Offset)] = number
	}
	windows = len(want)
	came := map[string]bool{}
	within(t, waitTime, "a prediction for every window", func() (string, bool) {
		if total(count(t, c, "told")) < int64(windows) {
			return fmt.Sprintf("%d of %d", total(count(t, c, "told")), windows), false
		}
		all := predictions(t, c, "told")
		for _, p := range all {
			number, ok := want[p.id]
			if !ok || len(p.values) != 1 || p.values[0] != number {
				t.Fatalf("%s of key %s: %v, want %v (a window ends there: %v)", p.id, p.key, p.values, number, ok)
			}
			came[p.id] = true
		}
		repeated = len(all) - len(came)
		missing := slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(id string) bool { return came[id] })
		return fmt.Sprintf("%d of %d, not those of %v", len(came), windows, missing[:min(len(missing), 20)]), len(missing) == 0
	})
	return windows, repeated
}
