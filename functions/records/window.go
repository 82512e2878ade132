package records

import (
	"context"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// windowRecords is how many records are looked at for windows, of which none may
// come.
const windowRecords = 50_000

// step decodes a record of a window, and reports whether inputs and labels now hold
// one that it completes. Its error may be that of its label alone, as a training
// has it.
func (p *previewer) step(ctx context.Context, r *stream.Record) (complete bool, err error) {
	label, err := p.windows.Read(r)
	inputs, labels := p.windows.Step()
	if err == nil && p.checks != nil {
		err = p.checks.Inputs(inputs)
	}
	if err != nil {
		return false, err
	}
	if label == nil {
		label = p.find(ctx, labels, r)
	}
	if label == nil && p.checks != nil {
		label = p.checks.Labels(labels, p.keyOf(r))
	}
	if complete = p.windows.Add(r, label == nil); complete {
		p.windows.Put(p.inputs, p.labels)
	}
	return complete, label
}

// looked is how many records are of windows so far.
func (p *previewer) looked() int64 {
	if p.windows == nil {
		return 0
	}
	return p.windows.Counts().Records
}

// finish says what is to be known of all records that were looked at.
func (p *previewer) finish() {
	for label := range p.Counts {
		if len(p.Counts) == 1 && p.Counted > 1 {
			p.Alike = fmt.Sprintf("all %d labels looked at are %s: a model learns nothing from them but to say so. Look at the label, or at another time", p.Counted, label)
		}
	}
	if p.windows == nil {
		return
	}
	c := p.windows.Counts()
	c.Said = c.Sentence()
	p.Windows = &c
	if err := p.windows.Nothing(); err != nil {
		p.None = fmt.Sprintf("of the %d records looked at, %v", c.Records, err)
	}
}
