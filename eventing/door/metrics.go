package door

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are few, and no label holds an id.
type metrics struct {
	events  *prometheus.HistogramVec
	streams prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		events: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kafkaml_events_seconds", Help: "Events and REST commands by type and outcome, and how long they took.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60},
		}, []string{"type", "outcome"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kafkaml_event_streams", Help: "Open GET /events.",
		}),
	}
	reg.MustRegister(m.events, m.streams)
	return m
}

func (m *metrics) observe(typ, outcome string, start time.Time) {
	m.events.WithLabelValues(typ, outcome).Observe(time.Since(start).Seconds())
}
