package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// reviving sends look-ups once more, on new connections, where theirs was broken
// off: a broker that was started anew has closed those that lay idle, which
// shows only when one is used. What writes is not sent again: it may have been
// done.
type reviving struct{ *kafka.Transport }

// RoundTrip implements kafka.RoundTripper.
func (r reviving) RoundTrip(ctx context.Context, addr net.Addr, request kafka.Request) (kafka.Response, error) {
	answer, err := r.Transport.RoundTrip(ctx, addr, request)
	if !brokenOff(err) || !looksUp(request) || ctx.Err() != nil {
		return answer, err
	}
	r.CloseIdleConnections()
	return r.Transport.RoundTrip(ctx, addr, request)
}

// brokenOff reports whether the other end has closed a connection.
func brokenOff(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// looksUp reports whether a request changes nothing. To make topics counts as
// well: one that was made is there.
func looksUp(request kafka.Request) bool {
	switch request.ApiKey() {
	case protocol.ListOffsets, protocol.DescribeConfigs, protocol.OffsetFetch, protocol.FindCoordinator, protocol.Metadata, protocol.CreateTopics:
		return true
	}
	return false
}
