package stream

import (
	"context"
	"net"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// Brokers are the addresses, host:port, at which the brokers say that they serve.
// They need not be among those that the cluster was dialled by.
func (c *Cluster) Brokers(ctx context.Context) ([]string, error) {
	answer, err := c.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, unavailable("look up brokers", err)
	}
	addresses := make([]string, len(answer.Brokers))
	for i, b := range answer.Brokers {
		addresses[i] = net.JoinHostPort(b.Host, strconv.Itoa(b.Port))
	}
	slices.Sort(addresses)
	return addresses, nil
}
