package stream

import (
	"context"
	"net"
)

// Intercept puts wrap round each new connection of the cluster's transport.
func (c *Cluster) Intercept(wrap func(net.Conn) net.Conn) {
	var d net.Dialer
	c.transport.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	}
}

// SlotsInUse is how many slots lie with lanes.
func (c *Cluster) SlotsInUse() int { return slotCount - len(c.slots) }

// The metadata of committed offsets.
var (
	Metadata     = metadata
	ReadMetadata = readMetadata
)

// Unavailable wraps a failure of the broker.
var Unavailable = unavailable

// Reconnect makes the next request connect anew.
func (c *Cluster) Reconnect() { c.transport.CloseIdleConnections() }
