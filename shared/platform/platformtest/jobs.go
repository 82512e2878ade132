package platformtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// jobEnds starts Jobs that end in every way. Each report says why, and the log is
// complete by then.
func jobEnds(t *testing.T, b Backend) {
	t.Setenv("DATABASE_URL", "postgres://secret")
	p := newPlace(t, b)
	cases := []struct {
		how     string
		ok      bool
		reasons []string // all in the reason
		log     string   // how it ends, if the process lived to write it
	}{
		{Succeeds, true, nil, "\ndone\n"},
		{Fails, false, []string{"exit code 1"}, "\nthe loss is not finite\n"},
		{Dies, false, []string{"killed", "signal 9"}, ` registry ""` + "\n"},
		{Outgrows, false, []string{"out of memory"}, ""},
		{Stays, false, []string{"deadline of 1 s"}, ""},
	}
	for i, c := range cases {
		j := Job(int64(i+1), c.how)
		if c.how == Stays {
			j.Resources.DeadlineSecs = 1
		}
		p.startJob(t, j)
	}
	seen := map[string]bool{}
	for range cases {
		e := p.nextEnd(t)
		i := e.Result - 1
		if i < 0 || i >= int64(len(cases)) || seen[e.Name] {
			t.Fatalf("reported: %+v", e.Ended)
		}
		seen[e.Name] = true
		c := cases[i]
		t.Logf("%s: %+v", c.how, e.Ended)
		if e.Name != Job(e.Result, c.how).Name || e.Attempt != 2 || e.OK != c.ok || c.ok == (e.Reason != "") || !c.ok && e.Hint == "" {
			t.Errorf("%s: %+v", c.how, e.Ended)
		}
		for _, r := range c.reasons {
			if !strings.Contains(e.Reason, r) {
				t.Errorf("%s: reason %q lacks %q", c.how, e.Reason, r)
			}
		}
		if !strings.HasSuffix(e.Log, c.log) || !strings.HasSuffix(e.log, c.log) {
			t.Errorf("%s: log %q, then read %q; want ...%q", c.how, e.Log, e.log, c.log)
		}
	}
	p.eventually(t, "no Job is listed", func() bool { return len(p.running(t)) == 0 })
	if len(p.ended) != 0 {
		t.Errorf("reported twice: %+v", <-p.ended)
	}
}

func (p *place) running(t *testing.T) []string {
	t.Helper()
	names, err := p.Running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// works waits until a Job's process has written its first line, and returns its
// log.
func (p *place) works(t *testing.T, name string) (log string) {
	t.Helper()
	p.eventually(t, name+" works", func() bool {
		var err error
		if log, err = p.Jobs.Log(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		return strings.HasSuffix(log, "\n")
	})
	return log
}

func listedUntilReported(t *testing.T, b Backend) {
	p := newPlace(t, b)
	p.Close()
	reporting, done := make(chan struct{}), make(chan struct{})
	p.Owner = p.open(func(context.Context, platform.Ended) {
		close(reporting)
		<-done
	})
	j := Job(1, Succeeds)
	p.startJob(t, j)
	if names := p.running(t); !slices.Equal(names, []string{j.Name}) {
		t.Errorf("after the start %v are listed", names)
	}
	select {
	case <-reporting:
	case <-time.After(b.Patience):
		t.Fatal("no end is reported")
	}
	if names := p.running(t); !slices.Equal(names, []string{j.Name}) {
		t.Errorf("while its end is being reported %v are listed", names)
	}
	close(done)
	p.eventually(t, "the Job is listed no more", func() bool { return len(p.running(t)) == 0 })
}

func startedTwice(t *testing.T, b Backend) {
	p := newPlace(t, b)
	j := Job(1, Stays)
	p.startJob(t, j)
	p.startJob(t, j)
	log := p.works(t, j.Name)
	p.startJob(t, j)
	if names := p.running(t); !slices.Equal(names, []string{j.Name}) {
		t.Errorf("%v are listed", names)
	}
	if strings.Count(log, "training") != 1 {
		t.Errorf("log: %q", log)
	}
	if err := p.Stop(t.Context(), j.Name); err != nil {
		t.Fatal(err)
	}
	if names := p.running(t); len(names) != 0 || len(p.ended) != 0 {
		t.Errorf("after it was stopped once %v are listed, %d ends reported", names, len(p.ended))
	}
}

func stopped(t *testing.T, b Backend) {
	p := newPlace(t, b)
	for i, how := range []string{Stays, Deaf} {
		j := Job(int64(i+1), how)
		p.startJob(t, j)
		p.works(t, j.Name)
		for range 2 { // it is gone the second time
			if err := p.Stop(t.Context(), j.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := Job(3, Succeeds)
	if names := p.running(t); len(names) != 0 {
		t.Errorf("%v are listed", names)
	}
	p.startJob(t, last)
	if e := p.nextEnd(t); e.Name != last.Name { // the end of another would have been reported before
		t.Errorf("reported: %+v", e.Ended)
	}
}

func describedJob(t *testing.T, b Backend) {
	p := newPlace(t, b)
	j := Job(1, Succeeds)
	j.Spec.InputConfig = configOf(large)
	p.startJob(t, j)
	if e := p.nextEnd(t); !e.OK || !strings.Contains(e.Log, digest(j.Spec.InputConfig)) {
		t.Errorf("%+v", e.Ended)
	}
	j = Job(2, Succeeds)
	j.Spec.InputConfig = configOf(platform.MaxDescription)
	checkTooLarge(t, p.Start(t.Context(), j))
}

// checkTooLarge tests that err names the member that is too large, and has a hint.
func checkTooLarge(t *testing.T, err error) {
	t.Helper()
	if e, ok := err.(*pipeline.Error); !ok || e.Kind != pipeline.Invalid || e.Field != "input_config" || e.Hint == "" { //nolint:errorlint // its members are wanted
		t.Errorf("too large: %#v", err)
	}
}

// jobOwner closes the owner of a Job. If Jobs outlive it, the next owner finds the
// Job, and is told of one that ended in between; otherwise nothing is left.
func jobOwner(t *testing.T, b Backend) {
	p := newPlace(t, b)
	p.Close()
	p.Owner = p.open(nil)
	going, over := Job(1, Stays), Job(2, Succeeds)
	p.startJob(t, going)
	p.works(t, going.Name)
	p.startJob(t, over)
	p.eventually(t, "one has ended", func() bool {
		log, err := p.Jobs.Log(t.Context(), over.Name)
		return err == nil && strings.HasSuffix(log, "done\n")
	})
	p.Close()
	p.start(t)
	if !b.Outlives {
		if names := p.running(t); len(names) != 0 {
			t.Errorf("%v are listed", names)
		}
		return
	}
	if names := p.running(t); !slices.Contains(names, going.Name) {
		t.Errorf("%v are listed", names)
	}
	if e := p.nextEnd(t); e.Name != over.Name || !e.OK {
		t.Errorf("reported: %+v", e.Ended)
	}
	p.works(t, going.Name)
	if err := p.Stop(t.Context(), going.Name); err != nil {
		t.Fatal(err)
	}
}

func refusedNames(t *testing.T, b Backend) {
	p := newPlace(t, b)
	for _, name := range []string{"", "../x", "A", "a-", "a.b", strings.Repeat("a", 64)} {
		j, s := Job(1, Succeeds), Service(name, "out", 1)
		j.Name = name
		if err := p.Start(t.Context(), j); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("a Job %q: %v", name, err)
		}
		if err := p.Apply(t.Context(), s); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("a Service %q: %v", name, err)
		}
	}
}
