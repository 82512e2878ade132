package predict

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// members is how many a group has.
func members(t *testing.T, c *stream.Cluster, group string) int {
	t.Helper()
	client := kafka.Client{Addr: kafka.TCP(c.Config().Brokers...)}
	r, err := client.DescribeGroups(t.Context(), &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil || len(r.Groups) != 1 {
		t.Fatal(r, err)
	}
	return len(r.Groups[0].Members)
}

// The group is joined while the model is opened: what is assigned meanwhile waits
// for the model, and none is lost.
func TestJoinsWhileTheModelIsOpened(t *testing.T) {
	c := streamtest.Kafka(t)
	const n, partitions = 100, 2
	job := directJob(t, c, partitions)
	produce(t, c, job.InputTopic, partitions, 0, n)
	config := Config{Job: job, Log: logTo(t)}
	config.joinEarly(t.Context(), c)
	group := config.member.group
	until(t, "the group is joined", func() bool { return members(t, c, group) == 1 })
	s, err := openService(tensorflow.Framework{}, config, modelDir(t, "words"), c)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.direct.run(t.Context())
	}()
	t.Cleanup(func() {
		<-done
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	checkOutputs(t, await(t, c, job.OutputTopic, n-poisoned(n)), n)
}

// A model that cannot be opened leaves the group to others, and one that takes
// long to open does not join before.
func TestWhoJoinsEarly(t *testing.T) {
	c := streamtest.Kafka(t)
	job := directJob(t, c, 1)
	config := Config{Job: job, Log: logTo(t)}
	leave := config.joinEarly(t.Context(), c)
	group := config.member.group
	until(t, "the group is joined", func() bool { return members(t, c, group) == 1 })
	leave()
	until(t, "the group is left", func() bool { return members(t, c, group) == 0 })

	again := Config{Job: job, Suspects: filepath.Join(t.TempDir(), "suspects", "1"), Log: logTo(t)}
	for i, early := range []bool{true, false, false, true} { // what could not be opened is tried without
		if i == 3 {
			again.opened()
		}
		again.member = nil
		again.joinEarly(t.Context(), c)()
		if (again.member != nil) != early {
			t.Errorf("start %d: joins early: %v", i, !early)
		}
	}

	job.Export.Parameters = earlyParameters + 1
	large := Config{Job: job, Log: logTo(t)}
	large.joinEarly(t.Context(), c)()
	if large.member != nil {
		t.Error("a large model joins before it is opened")
	}
}

// A replica whose group the brokers do not let it join says so where it is asked whether
// it is ready, and joins once it may.
func TestSaysWhyTheGroupIsNotJoined(t *testing.T) {
	brokers := streamtest.NewGuarded(t)
	brokers.Allow(t, kmsg.ACLResourceTypeTopic, "in", kmsg.ACLOperationCreate, kmsg.ACLOperationRead)
	c, err := stream.Dial(t.Context(), brokers.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.EnsureTopic(t.Context(), "in", 1); err != nil {
		t.Fatal(err)
	}
	g := newMember(pipeline.PredictJob{Group: "kafkaml-inference-1", InputTopic: "in"}, c, slog.New(slog.DiscardHandler))
	if e := g.away(); e.Reason != "the consumer group is not joined" {
		t.Errorf("before it tried: %v", e)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); g.run(ctx) }()
	until(t, "it says why", func() bool {
		e := g.away()
		return !g.joined.Load() && strings.Contains(e.Reason, "kafkaml-inference-1: the brokers give this user of Kafka no READ on the group") && strings.Contains(e.Hint, "have READ on the group")
	})
	assigned := make(chan struct{})
	g.works(func(ctx context.Context, _ *stream.Claim) error {
		close(assigned)
		<-ctx.Done()
		return ctx.Err()
	})
	brokers.Allow(t, kmsg.ACLResourceTypeGroup, "kafkaml-inference-1", kmsg.ACLOperationRead)
	<-assigned
	end()
	<-ended
}
