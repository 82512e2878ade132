package pipeline

import "time"

// Verification is what came of training a finished result again from its receipt.
type Verification struct {
	Status     VerificationStatus `json:"status"`
	Difference string             `json:"difference,omitempty" description:"the first that differs from the receipt, where it diverged"`
	Reason     string             `json:"reason,omitempty" description:"why the training could not be repeated, where it failed, or what it waits for"`
	Hint       string             `json:"hint,omitempty"`
	Attempt    int                `json:"attempt" description:"1 for the first Job that ever verified the result"`
	Lost       int                `json:"lost,omitempty" description:"Jobs that vanished since it was asked for"`
	Cut        bool               `json:"cut,omitempty" description:"the service ended in order while it ran: its next start is no loss"`
	EpochsDone int                `json:"epochs_done,omitempty" description:"of the repetition"`
	Owner      string             `json:"owner,omitempty" description:"who asked for it, where that is known"`
	Asked      time.Time          `json:"asked"`
	Ended      *time.Time         `json:"ended,omitempty" nullable:"false"`
	Seconds    float64            `json:"seconds,omitempty" description:"from the Job's start to its end"`
}

// Active reports whether a Job of the verification exists or is asked for.
func (v *Verification) Active() bool {
	return v != nil && (v.Status == VerificationScheduled || v.Status == VerificationRunning)
}

// Sentence is what a person reads of it.
func (v *Verification) Sentence() string {
	switch v.Status {
	case VerificationVerified:
		return "verified: trained again from its receipt, it is the same"
	case VerificationDiverged:
		return "diverged: " + v.Difference
	case VerificationFailed:
		return "could not be verified: " + v.Reason
	}
	if v.Reason != "" {
		return "being verified, " + v.Reason
	}
	return "being verified"
}

// VerificationStatus is where a verification stands.
//
//	scheduled -> running -> verified, diverged or failed -> scheduled (asked for again)
type VerificationStatus string

// The states of a Verification.
const (
	VerificationScheduled VerificationStatus = "scheduled"
	VerificationRunning   VerificationStatus = "running"
	VerificationVerified  VerificationStatus = "verified" // equal to the receipt
	VerificationDiverged  VerificationStatus = "diverged"
	VerificationFailed    VerificationStatus = "failed" // the training could not be repeated
)

// Enum lists the values for JSON Schema.
func (VerificationStatus) Enum() []any {
	return values(VerificationScheduled, VerificationRunning, VerificationVerified, VerificationDiverged, VerificationFailed)
}

// Receipt is what a result says of its training, that a repetition is held against.
type Receipt struct {
	ContentHash string       `json:"content_hash"`
	Records     int64        `json:"records"`
	Split       *SplitAudit  `json:"split"`
	WeightsHash string       `json:"weights_hash"`
	Metrics     SplitMetrics `json:"metrics"`
	Trainer     string       `json:"trainer,omitempty"` // library that trained
}

// Replay is the data of training.verified: how a repetition compares with the
// receipt.
type Replay struct {
	Result     int64   `json:"result" required:"true" minimum:"1"`
	Attempt    int     `json:"attempt" required:"true" minimum:"1"`
	Difference string  `json:"difference,omitempty"` // the first; empty: it is equal
	Seconds    float64 `json:"seconds,omitempty"`
}
