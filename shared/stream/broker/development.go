package broker

import (
	"context"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Development starts the development broker: franz-go's kfake, which speaks the
// Kafka protocol from this process and keeps its log under dir. Records survive
// the end of the process, kill -9 included; a crash of the machine may lose the
// last ones. Port 0 takes a free port. It ends with ctx.
func Development(ctx context.Context, dir string, port int) (*Broker, error) {
	const op = "start the development broker"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Err: err}
	}
	port, err := claimPort(ctx, op, port)
	if err != nil {
		return nil, err
	}
	if err := keepEnds(dir); err != nil {
		return nil, &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Err: err}
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(map[string]string{
			"log.cleaner.backoff.ms": "1000", // how often retention is looked at; hourly by default
			"message.max.bytes":      "8388608",
		}),
	)
	if err != nil {
		return nil, listenError(op, port, err)
	}
	cluster.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		makeTopics(cluster, request.(*kmsg.MetadataRequest))
		return nil, nil, false // answered as usual
	})
	stopped := make(chan struct{})
	b := &Broker{
		Addr: cluster.ListenAddrs()[0],
		stop: func() { close(stopped) },
		done: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(ctx)
	looked := keepMembers(ctx, cluster, b.Addr)
	go func() {
		defer close(b.done)
		select {
		case <-ctx.Done():
		case <-stopped:
		}
		cancel()
		<-looked // a cluster that is closed answers nobody
		cluster.Close()
	}()
	return b, nil
}

// makeTopics makes the topics that a client looks up in order to write to them,
// as Apache Kafka does with auto.create.topics.enable. kfake has an option for
// it, which keeps such a topic in memory until another change, and looks at no
// name.
func makeTopics(cluster *kfake.Cluster, request *kmsg.MetadataRequest) {
	const canSay = 4 // the first version in which a client says whether it wants that
	if request.Version >= canSay && !request.AllowAutoTopicCreation {
		return
	}
	for _, t := range request.Topics {
		if t.Topic == nil || pipeline.ValidateTopic("topic", *t.Topic) != nil || cluster.TopicInfo(*t.Topic) != nil {
			continue
		}
		_ = cluster.CreateTopic(*t.Topic, 0, nil) // the answer says that there is none
	}
}
