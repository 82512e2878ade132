package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// installation is a kafkaml that runs, and its Kafka.
type installation struct {
	client *client.Client
	kafka  *stream.Cluster
	now    time.Time
}

// look is a check of the running installation; where none answers, which the check
// of the server says, there is nothing to look at.
func look(name string, at func(ctx context.Context, i installation) Finding) check {
	return func(ctx context.Context, env *cli.Env) Finding {
		c, err := env.Client(ctx)
		if err == nil {
			err = c.Ready(ctx, pipeline.StepControlLog)
		}
		if err != nil {
			return ok(name, "not looked at: no kafkaml answers")
		}
		config, err := stream.FromEnv(func(variable string) string {
			if value := env.Getenv(variable); value != "" || variable != "KAFKA_BROKERS" {
				return value
			}
			return strings.Join(c.Brokers, ",")
		})
		if err != nil {
			return found(name, Missing, err)
		}
		kafka, err := stream.Dial(ctx, config)
		if err != nil {
			return found(name, Missing, err)
		}
		f := at(ctx, installation{c, kafka, env.Now()})
		if err := kafka.Close(); err != nil && f.State == OK {
			return found(name, Missing, err)
		}
		return f
	}
}

// The clocks of two machines may differ by a second or two; tokens and signed
// requests are refused from minutes on.
const (
	skewSeen  = 5 * time.Second
	skewFatal = time.Minute
)

// clock compares this machine's clock with that of the server, which says it to
// the second.
func clock(ctx context.Context, env *cli.Env) Finding {
	const name = "Clock"
	c, err := env.Client(ctx)
	if err != nil {
		return ok(name, "not looked at: no kafkaml answers")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+"/config.json", nil)
	if err != nil {
		return found(name, Absent, err)
	}
	by := c.HTTP
	if by == nil {
		by = http.DefaultClient
	}
	answer, err := by.Do(request)
	if err != nil {
		return ok(name, "not looked at: no kafkaml answers")
	}
	_ = answer.Body.Close() // its header is all that is read
	said, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return ok(name, "not looked at: %s does not say the time", c.Base)
	}
	skew := env.Now().Sub(said).Truncate(time.Second)
	f := Finding{name, OK, fmt.Sprintf("within %s of %s", skewSeen, c.Base), ""}
	if skew.Abs() > skewSeen {
		f.State, f.Detail = Absent, fmt.Sprintf("differs from %s by %s", c.Base, skew)
		f.Mend = "set the clock of both machines by NTP: times of streams, tokens and signed requests are compared"
	}
	if skew.Abs() > skewFatal {
		f.State = Missing
	}
	return f
}

const recordsName = "Clock of records"

// records compares this machine's clock with the newest control messages: none is
// from the future.
func records(ctx context.Context, i installation) Finding {
	topic := i.client.ControlTopic
	about, err := i.kafka.About(ctx, topic)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return ok(recordsName, "not looked at: %s holds none yet", topic)
	}
	if err != nil {
		return found(recordsName, Missing, err)
	}
	var newest time.Time
	for partition, next := range about.Next {
		if next == about.First[partition] {
			continue
		}
		last := pipeline.Range{Topic: topic, Partition: partition, Offset: next - 1, Length: 1}
		err := i.kafka.Read(ctx, last, func(r stream.Record) error {
			if r.Time.After(newest) {
				newest = r.Time
			}
			return nil
		})
		if err != nil {
			return found(recordsName, Absent, err)
		}
	}
	if ahead := newest.Sub(i.now).Truncate(time.Second); ahead > skewSeen {
		return Finding{
			recordsName, Absent, fmt.Sprintf("the newest of %s is from %s ahead of this machine's clock", topic, ahead),
			"set the clocks of the producers, the brokers and this machine by NTP: splits and times of streams go by the records'",
		}
	}
	return ok(recordsName, "none of %s is from the future", topic)
}

// shortestKept is how long control messages should be kept: those that are gone
// before they are read train nothing.
const shortestKept = 24 * time.Hour

const controlTopicName = "Control topic"

// controlTopic looks at how long control messages are kept, and at those that wait.
func controlTopic(ctx context.Context, i installation) Finding {
	topic := i.client.ControlTopic
	about, err := i.kafka.About(ctx, topic)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return ok(controlTopicName, "%s is made by the first control message", topic)
	}
	if err != nil {
		return found(controlTopicName, Missing, err)
	}
	waiting, err := behind(ctx, i.kafka, pipeline.ControlGroup(i.client.Tenant), about)
	switch {
	case err != nil:
		return found(controlTopicName, Missing, err)
	case about.Compacted:
		return Finding{
			controlTopicName, Missing, topic + " is compacted: of control messages with one key only the last is kept",
			"kafka-configs.sh --alter --topic " + topic + " --add-config cleanup.policy=delete",
		}
	case about.Retention > 0 && about.Retention < shortestKept:
		return Finding{
			controlTopicName, Absent, fmt.Sprintf("%s keeps control messages for %s", topic, about.Retention),
			"kafka-configs.sh --alter --topic " + topic + " --add-config retention.ms=604800000 (a week)",
		}
	case waiting > 0:
		return Finding{
			controlTopicName, Absent, fmt.Sprintf("%d control messages of %s are not dealt with", waiting, topic),
			"look again in a minute; if they stay, see the log of control-log: messages are in order, and one that cannot be delivered holds up the others",
		}
	}
	return ok(controlTopicName, "%s, %d messages, none waits", topic, about.Offsets())
}

const inferencesName = "Inferences"

// inferences looks at the input of those that run.
func inferences(ctx context.Context, i installation) Finding {
	n := 0
	for inference, err := range i.client.Inferences().All(ctx, client.Query{Filters: map[string]string{"status": string(pipeline.InferenceRunning)}}) {
		if err != nil {
			return found(inferencesName, Absent, err)
		}
		n++
		about, err := i.kafka.About(ctx, inference.InputTopic)
		if pipeline.KindOf(err) == pipeline.NotFound {
			continue // nobody has written to it yet
		}
		if err != nil {
			return found(inferencesName, Missing, err)
		}
		waiting, err := behind(ctx, i.kafka, inference.Group(), about)
		if err != nil {
			return found(inferencesName, Missing, err)
		}
		if about.Retention > 0 && about.Retention < shortestInput {
			return Finding{
				inferencesName, Absent, fmt.Sprintf("%s, the input of %s, keeps records for %s: what waits longer is lost", about.Name, inference.Name, about.Retention),
				"kafka-configs.sh --alter --topic " + about.Name + " --add-config retention.ms=86400000 (a day)",
			}
		}
		if waiting > manyWait {
			return Finding{
				inferencesName, Absent, fmt.Sprintf("%s is behind by %d records of %s", inference.Name, waiting, inference.InputTopic),
				fmt.Sprintf("give it more replicas (kafkaml inferences update %d --replicas N), up to the %d partitions of its topic; see kafkaml stream topics and its log", inference.ID, about.Partitions),
			}
		}
	}
	return ok(inferencesName, "%d run, none is behind by more than %d records", n, manyWait)
}

// shortestInput is how long records should be kept that are to be predicted: longer
// than what predicts them may be away.
const shortestInput = time.Hour

// manyWait is how many records may wait before a person should look.
const manyWait = 10_000

// behind is how many records of a topic a group has not dealt with.
func behind(ctx context.Context, kafka *stream.Cluster, group string, about stream.About) (n int64, err error) {
	done, err := kafka.Committed(ctx, group, about.Name)
	return stream.Lag(done, about.First, about.Next), err
}
