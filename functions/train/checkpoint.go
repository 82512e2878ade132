package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	checkpointBlob = "state"
	// keptEpochs is how many of the last epochs a checkpoint tells of.
	keptEpochs = 10_000
	// keepTime bounds how long a training waits for the store.
	keepTime = time.Minute
	// keepShare bounds what checkpoints by time cost: 1 by this of the training.
	keepShare = 100
)

// checkpoint is what the attempts at a result hand on: stored with the SHA-256 of
// itself before it.
type checkpoint struct {
	Training string // what is trained, see identity
	Epochs   []byte // those that are done, as JSON
	State    []byte // of the Trainer, within a fit; of Snapshot where it is done

	// Of a training that labels records itself.
	Done   bool            // the fit is done: a round is next
	Engine pipeline.Engine // of the first fit
	Reason string
	Picks  [][]int16 // the classes of each round, see unlabelled
	Before []int     // the last epoch before each
}

// keeper stores the training now and then. A nil keeper keeps nothing.
type keeper struct {
	t        *training
	identity string
	every    pipeline.Checkpoint
	last     time.Time
	took     time.Duration // the last one
	epochs   []pipeline.Epoch
	failed   bool
}

// keep gives a keeper where the Job wants one, and what the attempt before has
// left. What cannot be used is warned of: the training then begins.
func (t *training) keep(ctx context.Context) (*keeper, *checkpoint) {
	if t.Job.Checkpoint == "" || t.Job.TrainingKwargs.Checkpoint == nil {
		return nil, nil
	}
	k := &keeper{t: t, every: *t.Job.TrainingKwargs.Checkpoint, last: time.Now()}
	err := k.identify()
	var left *checkpoint
	if err == nil {
		left, err = k.open(ctx)
	}
	if err == nil && left != nil {
		err = json.Unmarshal(left.Epochs, &k.epochs)
	}
	if err == nil && left != nil {
		err = t.unlabelled.suits(left)
	}
	if err != nil {
		k.begin(ctx, err)
		return k, nil
	}
	if left == nil {
		return k, nil
	}
	for _, e := range k.epochs {
		t.seen(e)
	}
	t.Log.InfoContext(ctx, "the training goes on from its checkpoint", "result", t.Job.Result, "attempt", t.Job.Attempt, "epoch", t.lastEpoch.Epoch)
	return k, left
}

// begin lets the training begin anew, and notes why.
func (k *keeper) begin(ctx context.Context, err error) {
	k.epochs = nil
	k.t.startsOver(ctx, err)
}

// startsOver notes why the training does not go on from what an attempt before has
// kept.
func (t *training) startsOver(ctx context.Context, err error) {
	t.warn(ctx, "the checkpoint of an attempt before cannot be used (%v): it was trained from the start", err)
}

// warn says in the result and in the log what a person should know of an attempt.
func (t *training) warn(ctx context.Context, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	t.outcome.Split.Warnings = append(t.outcome.Split.Warnings, reason)
	t.Log.WarnContext(ctx, reason, "result", t.Job.Result, "attempt", t.Job.Attempt)
}

// identify hashes what is trained, on which records: all that the attempts have in
// common. The engine is that of the checkpoint.
func (k *keeper) identify() error {
	sum, err := identity(k.t.Job)
	k.identity = fmt.Sprintf("%s of records %s", sum, k.t.outcome.Lineage.ContentHash)
	return err
}

// identity hashes what the attempts at a training have in common.
func identity(job pipeline.TrainingJob) (string, error) {
	job.Attempt, job.Output, job.Engine, job.EngineReason, job.Warnings, job.Champion = 0, "", "", "", nil, nil
	if f := job.Following; f != nil {
		same := *f
		same.Ending, same.Given, same.Adopted = false, 0, 0
		job.Following = &same
		if f.Follows {
			job.Parent = nil // the last result that it went on from
		}
	}
	b, err := json.Marshal(job)
	return fmt.Sprintf("%x", sha256.Sum256(b)), err
}

// open reads the checkpoint, nil where there is none.
func (k *keeper) open(ctx context.Context) (*checkpoint, error) {
	c := &checkpoint{}
	found, err := k.t.openKept(ctx, c)
	if err != nil || !found {
		return nil, err
	}
	if c.Training != k.identity {
		return nil, errForeign
	}
	return c, nil
}

var errForeign = errors.New("it is of another training")

// openKept reads what an attempt before has kept into c; false where it has kept
// nothing.
func (t *training) openKept(ctx context.Context, c any) (found bool, err error) {
	var b []byte
	err = t.report.patiently(ctx, unavailable, func(ctx context.Context) error {
		content, _, err := t.store.Get(ctx, t.Job.Checkpoint+"/"+checkpointBlob)
		if err != nil {
			return err
		}
		b, err = io.ReadAll(content)
		return errors.Join(err, content.Close())
	})
	if pipeline.KindOf(err) == pipeline.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(b) < sha256.Size || sha256.Sum256(b[sha256.Size:]) != [sha256.Size]byte(b[:sha256.Size]) {
		return false, errors.New("it is not what was stored: its hash differs")
	}
	return true, gob.NewDecoder(bytes.NewReader(b[sha256.Size:])).Decode(c)
}

// done hears of an epoch.
func (k *keeper) done(e pipeline.Epoch) {
	if k == nil {
		return
	}
	if k.epochs = append(k.epochs, e); len(k.epochs) > keptEpochs {
		k.epochs = k.epochs[1:]
	}
}

// after stores the training where that is due. One that cannot be stored is warned
// of once, and goes on.
func (k *keeper) after(ctx context.Context, epoch int, state func() ([]byte, error)) {
	if !k.due(epoch, time.Since(k.last)) {
		return
	}
	k.put(ctx, epoch, false, state)
}

// put stores the training as state gives it.
func (k *keeper) put(ctx context.Context, epoch int, done bool, state func() ([]byte, error)) {
	began := time.Now()
	err := k.store(ctx, done, state)
	k.t.pulse.beat()
	k.last = time.Now()
	k.took = k.last.Sub(began)
	if err != nil && !k.failed {
		k.failed = true
		k.t.warn(ctx, "the checkpoint of epoch %d was not stored (%v): an attempt that follows goes on from an earlier one", epoch, err)
	}
}

// due reports whether the training is to be stored after an epoch, so long since it
// was. By time it is less often where it takes long: a model of gigabytes.
func (k *keeper) due(epoch int, since time.Duration) bool {
	if n := k.every.EveryEpochs; n > 0 {
		return epoch%n == 0
	}
	return since.Seconds() >= k.every.EverySeconds && since >= keepShare*k.took
}

func (k *keeper) store(ctx context.Context, done bool, state func() ([]byte, error)) error {
	c := checkpoint{Training: k.identity, Done: done, Engine: k.t.outcome.Engine, Reason: k.t.outcome.EngineReason, Before: k.t.unlabelled.before()}
	if u := k.t.unlabelled; u != nil {
		c.Picks = u.picks
	}
	var err error
	if c.State, err = state(); err != nil {
		return err
	}
	if c.Epochs, err = json.Marshal(k.epochs); err != nil {
		return err
	}
	return k.t.storeKept(ctx, c)
}

// storeKept stores c for the attempt that follows, all of it or none.
func (t *training) storeKept(ctx context.Context, c any) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(c); err != nil {
		return err
	}
	sum := sha256.Sum256(b.Bytes())
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	return t.store.Put(ctx, t.Job.Checkpoint+"/"+checkpointBlob, io.MultiReader(bytes.NewReader(sum[:]), &b))
}
