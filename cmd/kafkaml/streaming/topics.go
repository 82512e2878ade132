package streaming

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Partition is what one partition of a topic holds: the records from First to
// Next, without Next.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	First     int64  `json:"first"`
	Next      int64  `json:"next"`
}

func topics(env *cli.Env, b *broker) *cobra.Command {
	cmd := &cobra.Command{
		Use: "topics [TOPIC...]", Short: "Show what topics hold, partition by partition",
		Example: "  " + env.Program + " stream topics digits digits-predicted",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			cluster, err := b.dial(ctx)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, cluster.Close()) }()
			if len(args) == 0 {
				if args, err = cluster.Topics(ctx); err != nil {
					return err
				}
			}
			all := []Partition{}
			for _, topic := range args {
				partitions, err := holds(ctx, cluster, topic)
				if err != nil {
					return err
				}
				all = append(all, partitions...)
			}
			return env.Print(all, "", func(w io.Writer) error { return showPartitions(w, all) })
		},
	}
	env.OutputFlag(cmd)
	return cmd
}

func holds(ctx context.Context, cluster *stream.Cluster, topic string) ([]Partition, error) {
	first, next, err := cluster.Offsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	var all []Partition
	for id := range next {
		all = append(all, Partition{Topic: topic, Partition: id, First: first[id], Next: next[id]})
	}
	slices.SortFunc(all, func(a, b Partition) int { return a.Partition - b.Partition })
	return all, nil
}

func showPartitions(w io.Writer, all []Partition) error {
	rows := make([][]string, len(all))
	for i, p := range all {
		rows[i] = []string{p.Topic, fmt.Sprint(p.Partition), fmt.Sprint(p.First), fmt.Sprint(p.Next), terminal.Count(p.Next - p.First)}
	}
	return terminal.Table(w, []string{"TOPIC", "PARTITION", "FIRST", "NEXT", "RECORDS"}, rows)
}
