package doctor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// What runs is looked at: its clock, and its topics in Kafka.
func TestRunningInstallation(t *testing.T) {
	kafka := streamtest.Cluster(t)
	if err := kafka.CreateTopic(t.Context(), "compacted", 1, map[string]string{"cleanup.policy": "compact"}); err != nil {
		t.Fatal(err)
	}
	if err := kafka.CreateTopic(t.Context(), "brief", 1, map[string]string{"retention.ms": "3600000"}); err != nil {
		t.Fatal(err)
	}
	if err := kafka.CreateTopic(t.Context(), "hasty", 1, map[string]string{"retention.ms": "60000"}); err != nil {
		t.Fatal(err)
	}
	for topic, n := range map[string]int{"waiting": 3, "points": manyWait + 1} {
		if err := kafka.EnsureTopic(t.Context(), topic, 1); err != nil {
			t.Fatal(err)
		}
		records := make([]stream.Record, n)
		if _, err := kafka.Produce(t.Context(), topic, 0, records); err != nil {
			t.Fatal(err)
		}
	}
	early := []stream.Record{{Time: time.Now().Add(time.Hour)}}
	if err := kafka.EnsureTopic(t.Context(), "early", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := kafka.Produce(t.Context(), "early", 1, early); err != nil {
		t.Fatal(err)
	}
	inference := `{"items": []}`
	served := func(topic string) string {
		return fmt.Sprintf(`{"items": [{"id": 7, "name": "digits", "input_topic": %q, "status": "running", "delivery": "direct"}]}`, topic)
	}
	control := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/config.json":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"functions": {}, "brokers": [%q], "control_topic": %q}`, kafka.Config().Brokers[0], control)
		case "/deploy-inference/inferences":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, inference)
		}
	}))
	t.Cleanup(server.Close)
	for name, test := range map[string]struct {
		check          check
		late           time.Duration
		control, items string
		want           State
		says           string
	}{
		"clocks that agree":         {clock, 0, "", "", OK, "within 5s"},
		"a clock that differs":      {clock, 20 * time.Second, "", "", Absent, "by 20s|by 19s|by 21s"},
		"a clock that is far off":   {clock, -time.Hour, "", "", Missing, "by -1h|by -59m"},
		"no control message":        {look(recordsName, records), 0, "absent", "", OK, "not looked at"},
		"records of now":            {look(recordsName, records), 0, "waiting", "", OK, "from the future"},
		"records of the future":     {look(recordsName, records), 0, "early", "", Absent, "ahead of this machine's clock"},
		"an input kept too briefly": {look(inferencesName, inferences), 0, "", served("hasty"), Absent, "keeps records for 1m"},
		"no control topic":          {look(controlTopicName, controlTopic), 0, "absent", "", OK, "first control message"},
		"a compacted one":           {look(controlTopicName, controlTopic), 0, "compacted", "", Missing, "compacted"},
		"one that keeps an hour":    {look(controlTopicName, controlTopic), 0, "brief", "", Absent, "for 1h"},
		"messages that wait":        {look(controlTopicName, controlTopic), 0, "waiting", "", Absent, "3 control messages"},
		"no inference":              {look(inferencesName, inferences), 0, "", inference, OK, "0 run"},
		"an inference":              {look(inferencesName, inferences), 0, "", served("absent"), OK, "1 run"},
		"an inference that is slow": {look(inferencesName, inferences), 0, "", served("points"), Absent, "digits is behind by 10001 records of points"},
	} {
		t.Run(name, func(t *testing.T) {
			control, inference = test.control, test.items
			env := &cli.Env{
				Out: io.Discard, Err: io.Discard, Now: func() time.Time { return time.Now().Add(test.late) },
				Getenv: func(name string) string { return map[string]string{"KAFKAML_URL": server.URL}[name] },
			}
			env.GlobalFlags(pflag.NewFlagSet("doctor", pflag.ContinueOnError))
			got := limited(t.Context(), env, test.check)
			said := false
			for text := range strings.SplitSeq(test.says, "|") {
				said = said || strings.Contains(got.Detail, text)
			}
			if got.State != test.want || !said || got.State != OK && got.Mend == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}
