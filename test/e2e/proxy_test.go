package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// proxy stands between two parties, so that a test can cut or slow what they say.
type proxy struct {
	*toxiproxy.Proxy
	t testing.TB
}

// newProxy gives a proxy to upstream until the test ends.
func newProxy(t testing.TB, upstream string) *proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxy{toxiproxy.NewProxy(server, "proxy", "127.0.0.1:0", upstream), t}
	p.mend()
	t.Cleanup(p.Stop)
	return p
}

// mend lets connections through, as at first.
func (p *proxy) mend() {
	p.t.Helper()
	if err := p.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// cutFor ends all connections, and refuses new ones for a while.
func (p *proxy) cutFor(d time.Duration) {
	p.t.Helper()
	p.Stop()
	time.Sleep(d) // the fault lasts so long
	p.mend()
}

// slowFor delays each answer for a while.
func (p *proxy) slowFor(d, latency time.Duration) {
	p.t.Helper()
	p.answerBy(d, fmt.Sprintf(`"type": "latency", "attributes": {"latency": %d, "jitter": %d}`, latency.Milliseconds(), latency.Milliseconds()/2))
}

// silentFor lets no answer through for a while: connections stay, new ones are
// taken, what is asked is done, and who asked is told nothing.
func (p *proxy) silentFor(d time.Duration) {
	p.t.Helper()
	p.answerBy(d, `"type": "timeout", "attributes": {"timeout": 0}`)
}

// answerBy lets answers go by a toxic of toxiproxy for a while.
func (p *proxy) answerBy(d time.Duration, toxic string) {
	p.t.Helper()
	if _, err := p.Toxics.AddToxicJson(strings.NewReader(`{"name": "fault", ` + toxic + `}`)); err != nil {
		p.t.Fatal(err)
	}
	time.Sleep(d) // the fault lasts so long
	if err := p.Toxics.RemoveToxic(p.t.Context(), "fault"); err != nil {
		p.t.Fatal(err)
	}
}
