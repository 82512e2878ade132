package machine

import (
	"context"
	"net"
	"slices"
	"strconv"

	"github.com/kafkaml/kafkaml/eventing/door"
)

// secure has the address served by TLS where a certificate is named. The
// processes of this machine reach the functions at an address of its loopback
// then, which nothing leaves: the certificate need not be for that, and may
// change as they run.
func (m *Machine) secure(ctx context.Context) (err error) {
	m.Inner = m.URL
	if m.certificate, err = door.OpenCertificate(m.options.TLSCert, m.options.TLSKey, m.options.Log); err != nil || m.certificate == nil {
		return err
	}
	host, port, err := net.SplitHostPort(reachable(m.listener.Addr()))
	if err != nil {
		return err
	}
	m.URL = "https://" + net.JoinHostPort(m.certificate.Host(append(slices.Clone(m.options.Access.Hosts), host)...), port)
	var config net.ListenConfig
	if m.inner, err = config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(0))); err != nil {
		return err
	}
	m.Inner = "http://" + m.inner.Addr().String()
	m.onClose("the inner port", func(context.Context) error {
		_ = m.inner.Close() // closed by the server already, but for a start that failed
		return nil
	})
	return nil
}
