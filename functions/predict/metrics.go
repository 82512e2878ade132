package predict

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The ways a record comes, a label of the metrics.
const (
	waySource  = "source"
	wayDirect  = "direct"
	wayRequest = "request"
)

// metrics are what /metrics shows of a service.
type metrics struct {
	registry *prometheus.Registry
	records  *prometheus.CounterVec
	dead     prometheus.Counter
	leftOut  prometheus.Counter
	batches  prometheus.Histogram
	seconds  *prometheus.HistogramVec
	lag      *prometheus.GaugeVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kafkaml_predict_records_total", Help: "Records predicted, by the way they came.",
		}, []string{"way"}),
		dead: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_predict_dead_letters_total", Help: "Records that could not be decoded or predicted.",
		}),
		leftOut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_predict_left_out_total", Help: "Records that where of the input_config left out.",
		}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kafkaml_predict_batch_records", Help: "Records predicted together.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kafkaml_predict_seconds", Help: "From a record's arrival to the acknowledgement of its prediction; of direct delivery, by the batch.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"way"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kafkaml_predict_lag_records", Help: "Records of a partition not yet predicted, direct delivery.",
		}, []string{"partition"}),
	}
	m.registry.MustRegister(m.records, m.dead, m.leftOut, m.batches, m.seconds, m.lag,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, way := range []string{waySource, wayDirect, wayRequest} {
		m.records.WithLabelValues(way)
	}
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) batch(n int) { m.batches.Observe(float64(n)) }

// done counts n records that were answered together.
func (m *metrics) done(way string, n int, began time.Time) {
	m.records.WithLabelValues(way).Add(float64(n))
	m.seconds.WithLabelValues(way).Observe(time.Since(began).Seconds())
}

func (m *metrics) behind(partition int, records int64) {
	m.lag.WithLabelValues(strconv.Itoa(partition)).Set(float64(max(records, 0)))
}

func (m *metrics) forget(partition int) { m.lag.DeleteLabelValues(strconv.Itoa(partition)) }
