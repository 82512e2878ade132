package pipeline

// Detector names what looks for drifts of a stream; empty: nothing does. See
// shared/drift.
type Detector string

// The detectors.
const (
	DetectADWIN       Detector = "adwin"
	DetectPageHinkley Detector = "page_hinkley"
	DetectDDM         Detector = "ddm"
)

// Enum lists the values for JSON Schema.
func (Detector) Enum() []any { return values(DetectADWIN, DetectPageHinkley, DetectDDM) }

// OnDrift says what a drift does beside being told.
type OnDrift string

// DriftTells is stored as the empty OnDrift.
const (
	DriftTells    OnDrift = "event"
	DriftRestarts OnDrift = "restart" // the training goes back to the last good weights
	DriftRaises   OnDrift = "rate"    // the learning rate is higher for a while
)

// Enum lists the values for JSON Schema.
func (OnDrift) Enum() []any { return values(DriftTells, DriftRestarts, DriftRaises) }

// Drift is a place of a stream from which on the model does otherwise than before.
type Drift struct {
	Records   int64 `json:"records" required:"true" minimum:"1" description:"trained on when it was found"`
	Epoch     int   `json:"epoch" required:"true" minimum:"1" description:"the point of the curve that it lies in"`
	Restarted bool  `json:"restarted,omitempty" description:"the training went back to the weights of the result that interim names"`
	Interim   int   `json:"interim,omitempty" minimum:"1" description:"of restarted: the number of the last result that the training gave before what drifted began; absent: it gave none, and began anew with the weights that it had begun with"`
	Raised    bool  `json:"raised,omitempty" description:"the learning rate was raised for a while"`
}

// Drifted is the data of result.drifted: the result, and the drift that is new.
type Drifted struct {
	Result
	Drift Drift `json:"drift" required:"true"`
}

// How much higher the learning rate is after a drift, and for how many records, unless
// the deployment says otherwise.
const (
	driftRate    = 10
	driftRecords = 1_000
)

// AddDrifts adds to drifts the later ones of more, which it gives as new, and keeps
// the last 100 of all.
func AddDrifts(drifts, more []Drift) (all, added []Drift) {
	return addLater(drifts, more, func(d Drift) int64 { return d.Records })
}

// addLater adds to what is told of a training those of more that lie after its last
// one, which it gives as new, and keeps the last 100 of all.
func addLater[T any](told, more []T, place func(T) int64) (all, added []T) {
	const kept = 100
	for _, m := range more {
		if n := len(told); n == 0 || place(m) > place(told[n-1]) {
			told, added = append(told, m), append(added, m)
		}
	}
	return told[max(0, len(told)-kept):], added
}

// RightMetric is the metric, of those by name, that says how many records a model got
// right; empty: there is none.
func RightMetric[V any](metrics map[string]V) string {
	for _, name := range []string{"accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"} {
		if _, ok := metrics[name]; ok {
			return name
		}
	}
	return ""
}
