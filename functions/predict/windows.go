package predict

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// errWaits is that a record ends no window: its key has too few records yet, or
// they lie too far apart.
var errWaits = errors.New("the record ends no window")

// sequences makes windows of the records of one partition, as a training does: for
// one goroutine at a time.
type sequences struct {
	*features.Windows
	checks *features.Checks // whose refusal makes a record none of a window in training
}

func (m *model) newSequences() *sequences {
	inputs := pipeline.Export{Inputs: m.job.Export.Inputs}
	return &sequences{m.decoder.NewWindows(), features.NewChecks(inputs, m.decoder)}
}

// sample takes a record in and fills a row, unless it is nil, with the window that
// the record ends; errWaits where it ends none. After any other error the record
// can be given again.
func (q *sequences) sample(row [][]byte, r *stream.Record) error {
	if _, err := q.Read(r); err != nil {
		return err
	}
	step, _ := q.Step()
	if err := q.checks.Inputs(step); err != nil {
		return err
	}
	if !q.Add(r, false) {
		return errWaits
	}
	if row != nil {
		q.Put(row, nil)
	}
	return nil
}

// held is a partition that this replica has claimed.
type held struct {
	*direct
	claim   *stream.Claim
	log     *slog.Logger
	windows *sequences       // of its records so far; nil where a record is a sample
	at      int64            // the offset after the last of them
	noted   pipeline.Windows // of windows, what the metrics know
}

// hold restores what the windows of a partition need of the records before those
// to come: the process that held it before may have died. Nothing is kept but in
// the log.
func (d *direct) hold(ctx context.Context, claim *stream.Claim, log *slog.Logger) (*held, error) {
	h := &held{direct: d, claim: claim, log: log, at: claim.Next()}
	if d.model.decoder.Window() == nil {
		return h, nil
	}
	h.begin()
	if err := h.restore(ctx); err != nil {
		return nil, err
	}
	h.noted = h.windows.Counts()
	return h, nil
}

// begin forgets all records.
func (h *held) begin() {
	h.windows, h.noted = h.model.newSequences(), pipeline.Windows{}
}

// restore reads again, without predicting, what windows need of the records
// before those to come.
func (h *held) restore(ctx context.Context) error {
	from, known, err := h.origin(ctx)
	if err != nil {
		return err
	}
	p := progress{held: h, from: from, to: h.at, began: time.Now()}
	defer h.metrics.restored(h.claim.Partition)
	lost := func(first, next int64) {
		if known || first > from { // else it is that the log begins later
			h.log.Warn("records that windows need are no longer in the log: these windows fill anew", "from", first, "to", next-1)
		}
		h.begin()
	}
	away := h.away
	err = h.claim.Replay(ctx, from, lost, func(records []stream.Record) error {
		for i := range records {
			if err := h.model.decode(ctx, h.windows, nil, &records[i], away); err != nil && !skips(err) {
				return err
			}
		}
		p.tell(len(records), records[len(records)-1].Offset+1)
		return nil
	})
	if err == nil && p.records > 0 {
		h.log.Info("windows are restored", "records", p.records, "from", from, "seconds", time.Since(p.began).Seconds())
	}
	return err
}

// origin is the offset to read again from: the one that was committed with where
// the claim begins, if it was for such windows, else as far back as they may
// reach.
func (h *held) origin(ctx context.Context) (from int64, known bool, err error) {
	o := h.claim.Origin()
	if o.By == h.reader {
		return o.From, true, nil
	}
	if within := h.model.decoder.Window().Within; within > 0 {
		from, err = h.claim.Within(ctx, within)
	}
	return from, false, err
}

// skips reports whether an error of a record is no reason to stop.
func skips(err error) bool {
	return errors.Is(err, errWaits) || errors.Is(err, features.ErrLeftOut) || pipeline.KindOf(err) == pipeline.Invalid
}

func (h *held) away(err error) { h.log.Warn("waiting for the schema registry", "error", err) }

// progress is how far restoring has got.
type progress struct {
	*held
	from, to    int64
	records     int64
	began, said time.Time
}

// tellEvery is the time between two words of progress.
const tellEvery = 10 * time.Second

// tell counts records, up to an offset.
func (p *progress) tell(n int, next int64) {
	p.records += int64(n)
	p.metrics.restoring(p.claim.Partition, p.to-next)
	if now := time.Now(); now.Sub(p.began) > tellEvery && now.Sub(p.said) > tellEvery {
		p.said = now
		p.log.Info("reading again the records that windows need", "records", p.records, "next", next, "to", p.to)
	}
}

// next takes note of records that were fetched: where some before them had expired
// unread, windows do not reach over these.
func (h *held) next(records []stream.Record) {
	if h.windows != nil && skipped(h.at, h.claim.Start(), records[0].Offset) {
		h.begin()
	}
}

// skipped reports whether records are lost between an offset up to which they were
// taken and those that begin at first, where the claim went on at start: it may
// have gone on there while others were yet to be taken.
func skipped(at, start, first int64) bool { return at < start && start <= first }

// done commits that the records before next are handled, with where to read again
// for the windows as they are now: the state is ahead of a commit at most while
// some records are being handled, and an error of these ends the claim.
func (h *held) done(next int64) {
	if h.windows == nil {
		h.claim.Done(next)
		return
	}
	h.at = next
	h.claim.DoneFrom(next, stream.Origin{From: h.windows.From(next), By: h.reader})
	now := h.windows.Counts()
	waiting := (now.Records - h.noted.Records) - (now.Windows - h.noted.Windows) - (now.TooLong - h.noted.TooLong)
	h.metrics.windows(waiting, now.TooLong-h.noted.TooLong, now.Forgotten-h.noted.Forgotten)
	if now.Records > 0 && h.noted.Records == 0 && waiting > 0 {
		h.log.Info(fmt.Sprintf("waiting for %d records of a key: the first %d of each have no prediction", now.Size, now.Size-1))
	}
	if now.Forgotten > 0 && h.noted.Forgotten == 0 {
		h.log.Warn("more keys than are kept: the one longest without a record is forgotten, and its window fills anew", "keys", h.model.decoder.Window().Keys)
	}
	if now.Backwards > 0 && h.noted.Backwards == 0 {
		h.log.Warn("times of records run backwards within a key: windows are in the order of the log")
	}
	h.noted = now
}

// readerOf names what makes windows of records, so that an origin that was
// committed for another input_config counts for nothing.
func readerOf(job pipeline.PredictJob) string {
	var config any
	_ = json.Unmarshal(job.InputConfig, &config)
	canonical, _ := json.Marshal([]any{job.InputFormat, config, job.Export.Inputs})
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:8])
}

// refuseSingle is nil unless a prediction takes a window of records: one that
// comes alone then cannot be predicted.
func (m *model) refuseSingle() *pipeline.Error {
	w := m.decoder.Window()
	if w == nil {
		return nil
	}
	return &pipeline.Error{
		Op: "predict", Kind: pipeline.Invalid, Field: "data",
		Reason: fmt.Sprintf("a prediction takes a window of %d records, and a record that is posted comes without those before it", w.Size),
		Hint:   "write the record to " + m.job.InputTopic + ", or post the whole window: its tensors as values, or to /v2/models/" + m.job.Name + "/infer",
	}
}
