package predict

import (
	"path/filepath"
	"testing"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
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
