package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// GroupConfig describes a member of a consumer group.
type GroupConfig struct {
	ID     string
	Topics []string
	Latest bool         // a partition without a committed offset begins at its end; otherwise at its first record
	Log    *slog.Logger // slog.Default when nil
}

// The timing of a group: a member that was killed gives up its partitions
// within session, a rebalance is noticed within heartbeat, a new partition
// within watch, and a topic that was waited for within topicWait.
const (
	session   = 10 * time.Second
	heartbeat = 500 * time.Millisecond
	rebalance = 30 * time.Second
	watch     = 2 * time.Second
	topicWait = 100 * time.Millisecond
	rejoin    = 500 * time.Millisecond
)

// claimBytes is the size of a fetch in a group: smaller than for training, for
// records that come one by one.
const claimBytes = 1 << 20

// claimLimits are the limits of each partition that is read for a group, or
// followed.
func (c *Cluster) claimLimits() limits { return shareWithSlots(int(c.lanes.Load()), c.slots) }

// Consume joins a group and calls handle for each partition that is assigned,
// in a goroutine of its own, with a context that ends with the assignment. It
// returns when ctx ends, or with the error of a handle, in either case after
// every handle has returned and the group has been left. A handle that returns
// nil before its context ends gives up membership: Consume returns nil.
//
// Topics that do not exist yet are waited for.
//
// It stands on the library's ConsumerGroup and Generation: its Reader can move
// a group's offsets back in a rebalance.
func (c *Cluster) Consume(ctx context.Context, g GroupConfig, handle func(context.Context, *Claim) error) error {
	if g.Log == nil {
		g.Log = slog.Default()
	}
	for {
		c.awaitTopics(ctx, g)
		if ctx.Err() != nil {
			return nil
		}
		if err := c.join(ctx, g, handle); !errors.Is(err, errNoTopic) {
			return err
		}
	}
}

// awaitTopics returns once every topic exists, when ctx ends, or when no broker
// can tell, which joining will find out. The library's group is no help here: as
// long as it is assigned nothing since a topic is missing, it joins without
// pause.
func (c *Cluster) awaitTopics(ctx context.Context, g GroupConfig) {
	for _, topic := range g.Topics {
		for said := false; c.missing(ctx, topic); said = true {
			if !said {
				g.Log.Info("waiting for the topic", "topic", topic, "group", g.ID)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(topicWait):
			}
		}
	}
}

// missing reports whether a broker says that there is no such topic.
func (c *Cluster) missing(ctx context.Context, topic string) bool {
	_, err := c.Partitions(ctx, topic)
	return pipeline.KindOf(err) == pipeline.NotFound
}

// join is Consume once the topics exist; errNoTopic when one is gone.
func (c *Cluster) join(ctx context.Context, g GroupConfig, handle func(context.Context, *Claim) error) error {
	start := kafka.FirstOffset
	if g.Latest {
		start = kafka.LastOffset
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: g.ID, Brokers: c.config.Brokers, Dialer: c.dialer, Topics: g.Topics, StartOffset: start,
		GroupBalancers:    []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		HeartbeatInterval: heartbeat, SessionTimeout: session, RebalanceTimeout: rebalance,
		JoinGroupBackoff: rejoin,
	})
	if err != nil {
		return &pipeline.Error{Op: opJoin, Kind: pipeline.Invalid, Err: err}
	}
	m := &membership{cluster: c, config: g, handle: handle}
	m.ctx, m.leave = context.WithCancelCause(ctx)
	m.run(group)
	// Closing ends the generation and then leaves the group, so that its
	// partitions are free at once, after the handlers have returned.
	if err := group.Close(); err != nil {
		g.Log.Warn("leaving the group", "group", g.ID, "error", err)
	}
	m.handlers.Wait()
	m.leave(nil)
	if cause := context.Cause(m.ctx); ctx.Err() == nil && !errors.Is(cause, errDone) && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// The causes of an end of membership that is not a failure: a handle was done
// with its partition, a topic was deleted. Where a topic was made anew, it is an
// assignment that ends: the next one begins at its first record.
var (
	errDone    = errors.New("a handler is done")
	errNoTopic = errors.New("a topic is gone")
	errAnew    = errors.New("a topic was made anew")
)

// membership is one call of Consume.
type membership struct {
	cluster  *Cluster
	config   GroupConfig
	handle   func(context.Context, *Claim) error
	ctx      context.Context
	leave    context.CancelCauseFunc
	handlers sync.WaitGroup
}

func (m *membership) run(group *kafka.ConsumerGroup) {
	said := "" // a broker that is away is tried twice a second, and logged once
	for {
		generation, err := group.Next(m.ctx)
		switch {
		case m.ctx.Err() != nil:
			return
		case err == nil:
			said = ""
			if err := m.assign(generation); err != nil {
				m.leave(err)
				return
			}
		case fatal(err):
			m.leave(refusedGroup(m.config.ID, err))
			return
		case errors.Is(err, kafka.RebalanceInProgress): // another member came or went: the library joins again
		case err.Error() != said: // the library tries again
			said = err.Error()
			m.config.Log.Warn("joining the group", "group", m.config.ID, "error", err)
		}
	}
}

const opJoin = "join group"

func refusedGroup(group string, err error) *pipeline.Error {
	err = fmt.Errorf("%s: %w", group, err)
	if refusal := notAllowed(opJoin, err); refusal != nil {
		return refusal
	}
	return &pipeline.Error{Op: opJoin, Kind: pipeline.Unavailable, Err: err}
}

// topicGone reports, for a member that was assigned nothing, whether a topic
// does not exist.
func (m *membership) topicGone() bool {
	return slices.ContainsFunc(m.config.Topics, func(topic string) bool { return m.cluster.missing(m.ctx, topic) })
}

// fatal reports whether an answer will not change by asking again.
func fatal(err error) bool {
	var answer kafka.Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer {
	case kafka.GroupAuthorizationFailed, kafka.TopicAuthorizationFailed, kafka.InvalidGroupId,
		kafka.InconsistentGroupProtocol, kafka.InvalidSessionTimeout, kafka.SASLAuthenticationFailed:
		return true
	}
	return false
}

// assign starts a handler for each partition of a generation.
func (m *membership) assign(generation *kafka.Generation) error {
	partitions := 0
	for _, assigned := range generation.Assignments {
		partitions += len(assigned)
	}
	if partitions == 0 {
		if m.topicGone() {
			return errNoTopic
		}
		generation.Start(func(ended context.Context) { m.watch(ended, nil) })
		return nil
	}
	marks, ids, err := m.cluster.committedOf(m.ctx, generation)
	if err != nil {
		return err
	}
	generation.Start(func(ended context.Context) { m.watch(ended, ids) })
	m.cluster.lanes.Add(int64(partitions)) // before the first fetch
	commits := newCommits(m.cluster, generation, m.config, ids)
	commits.handlers.Add(partitions)
	m.handlers.Add(partitions)
	for topic, assigned := range generation.Assignments {
		for _, p := range assigned {
			from, of := p.Offset, marks[partitionOf{topic, p.ID}]
			if of.another(ids[topic]) {
				m.config.Log.Warn("the topic was made anew: consuming from its beginning", "group", m.config.ID, "topic", topic, "partition", p.ID, "committed", of.next)
				from = kafka.FirstOffset
			}
			if of.next != from {
				of.origin = Origin{}
			}
			generation.Start(func(ended context.Context) {
				defer m.handlers.Done()
				defer m.cluster.lanes.Add(-1)
				m.runHandler(ended, &Claim{Topic: topic, Partition: p.ID, commits: commits}, from, of.origin)
			})
		}
	}
	generation.Start(commits.run)
	return nil
}

// watch returns when a topic has got partitions, which has the group share them
// out anew, or was made anew since its ids were looked up, and leaves the group
// when a topic is gone. The library's own watch would make a topic again that
// was deleted.
func (m *membership) watch(ended context.Context, ids map[string]string) {
	known := map[string]int{}
	tick := time.NewTicker(watch)
	defer tick.Stop()
	for {
		for _, topic := range m.config.Topics {
			n, err := m.cluster.Partitions(m.ctx, topic)
			switch {
			case pipeline.KindOf(err) == pipeline.NotFound && err != nil:
				m.leave(errNoTopic)
			case err != nil: // the next look may say
			case known[topic] == 0:
				known[topic] = n
			case known[topic] != n:
				return
			}
		}
		if m.anew(ids) {
			return
		}
		select {
		case <-ended.Done():
			return
		case <-tick.C:
		}
	}
}

// anew reports whether a topic has another id now.
func (m *membership) anew(ids map[string]string) bool {
	now, err := m.cluster.TopicIDs(m.ctx, m.config.Topics...)
	return err == nil && slices.ContainsFunc(m.config.Topics, func(topic string) bool { return madeAnew(ids[topic], now[topic]) })
}

// runHandler runs the handler until its assignment ends or we leave. It returns once
// the library has ended the generation: before, it would join again, for a
// member that is leaving, and look up its topics, which makes them where they
// were deleted. Where the topic was made anew it is to join again.
func (m *membership) runHandler(ended context.Context, claim *Claim, committed int64, origin Origin) {
	ctx, cancel := context.WithCancel(m.ctx)
	defer cancel()
	stop := context.AfterFunc(ended, cancel)
	defer stop()
	err := claim.open(ctx, m.cluster, committed, origin)
	if err == nil {
		err = m.handle(ctx, claim)
		claim.close()
	}
	claim.commits.handlers.Done()
	switch {
	case ctx.Err() != nil: // asked to end: what it says about that is no news
	case errors.Is(err, errAnew):
		return
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, kafka.UnknownTopicOrPartition):
		m.leave(errNoTopic)
	case err != nil:
		m.leave(err)
	default:
		m.leave(errDone)
	}
	<-ended.Done()
}
