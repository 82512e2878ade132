package door

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Measure is a gauge that is read when /metrics is asked for: a state, which the
// process that answers does not keep.
type Measure struct {
	Name, Help string
	Label      string // what its values are told apart by; "" for a single one, whose key is ""
	Read       func(ctx context.Context) (map[string]float64, error)
}

// Reading is bounded, and what was read serves all who ask within a while.
const (
	measureTime = 5 * time.Second
	measureKept = 5 * time.Second
)

// gauge is a Measure as Prometheus collects it. While it cannot be read it has no
// value, and failures count: the other metrics are shown all the same.
type gauge struct {
	Measure
	desc     *prometheus.Desc
	failures *prometheus.CounterVec
	log      *slog.Logger

	mu     sync.Mutex
	values map[string]float64
	read   time.Time
}

func register(reg prometheus.Registerer, f Function, log *slog.Logger) {
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kafkaml_unread_measures_total", Help: "Times that a metric had no value, as what it shows could not be read.",
	}, []string{"metric"})
	reg.MustRegister(failures)
	for _, m := range f.Measures {
		var labels []string
		if m.Label != "" {
			labels = []string{m.Label}
		}
		failures.WithLabelValues(m.Name)
		reg.MustRegister(&gauge{Measure: m, desc: prometheus.NewDesc(m.Name, m.Help, labels, nil), failures: failures, log: log})
	}
	reg.MustRegister(f.Collectors...)
}

// Describe implements prometheus.Collector.
func (g *gauge) Describe(to chan<- *prometheus.Desc) { to <- g.desc }

// Collect implements prometheus.Collector.
func (g *gauge) Collect(to chan<- prometheus.Metric) {
	for key, value := range g.current() {
		labels := []string{key}
		if g.Label == "" {
			labels = nil
		}
		to <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value, labels...)
	}
}

func (g *gauge) current() map[string]float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.read) < measureKept {
		return g.values
	}
	ctx, cancel := context.WithTimeout(context.Background(), measureTime)
	defer cancel()
	values, err := g.Read(ctx)
	if err != nil {
		g.failures.WithLabelValues(g.Name).Inc()
		g.log.Debug("a metric has no value", "metric", g.Name, "error", err)
		return nil
	}
	g.values, g.read = values, time.Now()
	return values
}
