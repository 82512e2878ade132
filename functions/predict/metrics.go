package predict

import (
	"net/http"
	"strconv"
	"sync"
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
	givenUp  prometheus.Counter
	leftOut  prometheus.Counter
	unready  prometheus.Counter
	tooLong  prometheus.Counter
	dropped  prometheus.Counter
	rereads  *prometheus.GaugeVec
	batches  prometheus.Histogram
	seconds  *prometheus.HistogramVec
	ways     map[string]way // of records and seconds: looking them up by label costs as much as to count
	lag      *prometheus.GaugeVec

	once  sync.Once
	first chan struct{} // closed once records were answered
}

// way is what is counted of one.
type way struct {
	records prometheus.Counter
	seconds prometheus.Observer
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		first:    make(chan struct{}),
		ways:     map[string]way{},
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kafkaml_predict_records_total", Help: "Records predicted, by the way they came.",
		}, []string{"way"}),
		dead: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_predict_dead_letters_total", Help: "Records that could not be decoded or predicted.",
		}),
		givenUp: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_predict_given_up_total", Help: "Records that came through too many inferences: neither predicted nor dead-lettered.",
		}),
		leftOut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_predict_left_out_total", Help: "Records that where of the input_config left out.",
		}),
		unready: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_predict_window_waiting_total", Help: "Records without a prediction, as their key had too few records for a window.",
		}),
		tooLong: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_predict_window_too_long_total", Help: "Records without a prediction, as those of their window lie further apart than within allows.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_predict_window_forgotten_total", Help: "Keys whose records were forgotten, as there were more than are kept.",
		}),
		rereads: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kafkaml_predict_window_restore_records", Help: "Offsets of a partition still to be read again for its windows, direct delivery.",
		}, []string{"partition"}),
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
	m.registry.MustRegister(m.records, m.dead, m.givenUp, m.leftOut, m.unready, m.tooLong, m.dropped, m.rereads, m.batches, m.seconds, m.lag,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, of := range []string{waySource, wayDirect, wayRequest} {
		m.ways[of] = way{m.records.WithLabelValues(of), m.seconds.WithLabelValues(of)}
	}
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) batch(n int) { m.batches.Observe(float64(n)) }

// done counts n records that were answered together.
func (m *metrics) done(of string, n int, began time.Time) {
	m.once.Do(func() { close(m.first) })
	w := m.ways[of]
	w.records.Add(float64(n))
	w.seconds.Observe(time.Since(began).Seconds())
}

func (m *metrics) behind(partition int, records int64) {
	m.lag.WithLabelValues(strconv.Itoa(partition)).Set(float64(max(records, 0)))
}

func (m *metrics) forget(partition int) { m.lag.DeleteLabelValues(strconv.Itoa(partition)) }

// windows counts records without one, by why, and keys.
func (m *metrics) windows(waiting, tooLong, forgotten int64) {
	m.unready.Add(float64(waiting))
	m.tooLong.Add(float64(tooLong))
	m.dropped.Add(float64(forgotten))
}

func (m *metrics) restoring(partition int, left int64) {
	m.rereads.WithLabelValues(strconv.Itoa(partition)).Set(float64(max(left, 0)))
}

func (m *metrics) restored(partition int) { m.rereads.DeleteLabelValues(strconv.Itoa(partition)) }
