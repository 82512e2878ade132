package deployinference_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// name gives an alias to a result.
func (r *rig) name(t *testing.T, alias string, result int64) {
	t.Helper()
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		_, err := tx.SetAlias(result, alias)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// second finishes the training of the rig's other result.
func (r *rig) second(t *testing.T) {
	t.Helper()
	if err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return finish(tx, r.waiting, 1) }); err != nil {
		t.Fatal(err)
	}
}

// Records keep coming while an alias moves: the inference that follows it takes
// one result after the other, and each record is predicted. KAFKAML_LONG moves it
// ten times.
func TestAliasMovesUnderLoad(t *testing.T) {
	r := newRig(t)
	r.second(t)
	r.name(t, "champion", r.result)
	i := r.deploy(t, members{"follows": "m@champion"})
	if i.Result != r.result || i.Follows != "m@champion" {
		t.Fatalf("%+v", i)
	}
	r.await(t, i.ID, "ready", ready(1))
	const every, at = 100 * time.Millisecond, 50 // 500 records/s
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sending sync.WaitGroup
	sent := 0
	sending.Go(func() {
		for tick := time.NewTicker(every); ctx.Err() == nil; <-tick.C {
			records := make([]stream.Record, at)
			for n := range records {
				records[n].Value = binary.BigEndian.AppendUint32(nil, uint32(sent+n)) // #nosec G115 -- some thousands
			}
			if _, err := r.cluster.Produce(t.Context(), "in", sent%i.Partitions, records); err != nil {
				t.Error(err)
				return
			}
			sent += at
		}
	})
	moves := 2
	if os.Getenv("KAFKAML_LONG") != "" {
		moves = 10
	}
	began, served := time.Now(), []int64{r.result, r.waiting}
	for n := range moves {
		to := served[(n+1)%2]
		r.name(t, "champion", to)
		r.await(t, i.ID, "moved", func(i pipeline.Inference) bool {
			return i.Result == to && i.Previous == served[n%2] && ready(1)(i)
		})
		if n == 0 { // else it may have moved back before the other result has predicted any
			r.predictedUntil(t, "by two processes", func(by map[string]int, _ int) bool { return len(by) > 1 })
		}
	}
	stop()
	sending.Wait()
	took := time.Since(began)
	by := r.predicted(t, sent)
	t.Logf("%d records in %v, moved %d times, none lost; %d processes", sent, took.Round(time.Millisecond), moves, len(by))
	if len(by) < 2 {
		t.Errorf("predicted by %v", by)
	}
}

// One click serves what was served before: of an inference that follows an alias,
// the alias moves back.
func TestRollBack(t *testing.T) {
	r := newRig(t)
	r.second(t)
	r.name(t, "champion", r.result)
	i := r.deploy(t, members{"follows": "m@champion"})
	path := fmt.Sprintf("/inferences/%d", i.ID)
	if status, body := r.call(t, "POST", path+"/rollback", nil); status != http.StatusConflict || !strings.Contains(string(body), "m@champion named no other result before") {
		t.Errorf("%d %s", status, body)
	}
	r.name(t, "champion", r.waiting)
	r.await(t, i.ID, "moved", func(i pipeline.Inference) bool { return i.Result == r.waiting })
	if status, body := r.call(t, "POST", path+"/rollback", nil); status != http.StatusOK || !strings.Contains(string(body), fmt.Sprintf(`"result":%d`, r.result)) {
		t.Errorf("%d %s", status, body)
	}
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		if now, _, err := tx.Aliased("", "m@champion"); err != nil || now != r.result {
			t.Errorf("the alias names %d, %v", now, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// One that is served by its number stays where the alias moves.
	if status, body := r.call(t, "PUT", path, members{"result": r.waiting}); status != http.StatusOK || strings.Contains(string(body), "follows") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := r.call(t, "POST", path+"/rollback", nil); status != http.StatusOK || !strings.Contains(string(body), fmt.Sprintf(`"result":%d`, r.result)) {
		t.Errorf("%d %s", status, body)
	}
}

// What an alias names may not suit the inference that follows it: that goes on
// with what it serves, and says so until the alias moves on.
func TestAliasOfWhatCannotBeServed(t *testing.T) {
	r := newRig(t)
	r.second(t)
	r.name(t, "champion", r.result)
	i := r.deploy(t, members{"follows": "m@champion"})
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		m, err := tx.Model(1)
		if err != nil {
			return err
		}
		m.Source, m.Inputs = "wider", []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{5}}}
		if err := tx.UpdateModel(&m); err != nil {
			return err
		}
		res, err := tx.Result(r.waiting)
		if err != nil {
			return err
		}
		res.ModelVersion = m.Version
		return tx.UpdateResult(&res)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.name(t, "champion", r.waiting)
	r.await(t, i.ID, "unfit", func(i pipeline.Inference) bool {
		return i.Result == r.result && strings.HasPrefix(i.Unfit, fmt.Sprintf("result %d cannot take the place: ", r.waiting))
	})
	r.name(t, "champion", r.result)
	r.await(t, i.ID, "fit", func(i pipeline.Inference) bool { return i.Result == r.result && i.Unfit == "" })
}

func TestFollowIsRefused(t *testing.T) {
	r := newRig(t)
	for follows, want := range map[string]string{
		"m@champion": "there is no alias m@champion", "champion": "does not say of which model", "m@Champion!": "cannot be an alias", "@x": "names no model",
	} {
		form := members{"follows": follows, "input_topic": "in", "output_topic": "out"}
		if status, body := r.call(t, "POST", "/inferences", form); status != http.StatusUnprocessableEntity || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", follows, status, body)
		}
	}
}

// A challenger gets its share until it takes the place of the other.
func TestShares(t *testing.T) {
	r := newRig(t)
	i := r.deploy(t, nil)
	path := fmt.Sprintf("/inferences/%d", i.ID)
	part := func(result int64, percent float64) pipeline.Part {
		return pipeline.Part{Result: result, Percent: percent}
	}
	for want, shares := range map[string][]pipeline.Part{
		"sum to 90, not to 100":  {part(r.result, 80), part(r.waiting, 10)},
		"only a finished one":    {part(r.result, 90), part(r.waiting, 10)},
		"there is no result 99":  {part(r.result, 90), part(99, 10)},
		"neither is result":      {part(98, 90), part(99, 10)},
		"names 1 results, not 2": {part(r.result, 100)},
		"must be at least 0":     {part(r.result, -10), part(r.waiting, 110)},
	} {
		if status, body := r.call(t, "PUT", path, members{"shares": shares}); status < 400 || !strings.Contains(string(body), want) {
			t.Errorf("%v: %d %s", shares, status, body)
		}
	}
	r.second(t)
	status, body := r.call(t, "PUT", path, members{"shares": []pipeline.Part{part(r.waiting, 10), part(r.result, 90)}})
	if want := fmt.Sprintf(`"shares":[{"result":%d,"percent":90},{"result":%d,"percent":10}]`, r.result, r.waiting); status != http.StatusOK || !strings.Contains(string(body), want) {
		t.Fatalf("%d %s", status, body)
	}
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return tx.DeleteResult(r.waiting) })
	if pipeline.KindOf(err) != pipeline.InUse {
		t.Errorf("the challenger was deleted: %v", err)
	}
	// Other changes leave the shares; the challenger that is served alone has won.
	if status, body := r.call(t, "PUT", path, members{"description": "d"}); status != http.StatusOK || !strings.Contains(string(body), `"percent":10`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := r.call(t, "PUT", path, members{"result": r.waiting}); status != http.StatusOK || strings.Contains(string(body), "shares") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := r.call(t, "PUT", path, members{"shares": []pipeline.Part{part(r.waiting, 50), part(r.result, 50)}}); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if status, body := r.call(t, "PUT", path, members{"shares": []pipeline.Part{}}); status != http.StatusOK || strings.Contains(string(body), "shares") {
		t.Errorf("%d %s", status, body)
	}
}

// A result that failed is not to be waited for.
func TestResultsThatWillNotFinish(t *testing.T) {
	r := newRig(t)
	for status, hint := range map[pipeline.ResultStatus]string{pipeline.ResultWaiting: "wait until", pipeline.ResultFailed: "it will not finish"} {
		err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
			res, err := tx.Result(r.waiting)
			if err != nil {
				return err
			}
			res.Status = status
			return tx.UpdateResult(&res)
		})
		if err != nil {
			t.Fatal(err)
		}
		form := members{"result": r.waiting, "input_topic": "in", "output_topic": "out", "replicas": 1}
		if code, body := r.call(t, "POST", "/inferences", form); code != http.StatusConflict || !strings.Contains(string(body), hint) {
			t.Errorf("%s: %d %s", status, code, body)
		}
	}
}
