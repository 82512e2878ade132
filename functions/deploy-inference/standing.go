package deployinference

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// standing is the inference with its state as the platform has it: running
// while any replica answers, failed once they keep failing and none does.
func standing(i pipeline.Inference, st platform.ServiceStatus, failed error) pipeline.Inference {
	i.Ready, i.Wanted, i.URL, i.Reason = st.Ready, max(st.Desired, i.Wanted), st.URL, st.Failed
	if st.Desired > 0 || st.Idle {
		i.Wanted = st.Desired
	}
	if failed != nil {
		i.Reason = failed.Error()
	}
	switch {
	case i.Ready > 0 || st.Idle:
		i.Status = pipeline.InferenceRunning
	case i.Reason != "":
		i.Status = pipeline.InferenceFailed
	default:
		i.Status, i.Reason = pipeline.InferenceDeploying, st.Waiting
	}
	return i
}

// Away says why no replica of the inference of a name takes a request: NotFound
// where there is none of this name, else Unavailable with what it waits for.
func Away(ctx context.Context, store *registry.Store, name string) error {
	none := &pipeline.Error{
		Op: "predict", Kind: pipeline.NotFound, Field: "inference", Reason: fmt.Sprintf("there is none named %.100q", name),
		Hint: "`kafkaml inferences list` has the names, `kafkaml inferences create` makes one",
	}
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) { // which PostgreSQL takes for no text
		return none
	}
	found, err := registry.Read(ctx, store, func(tx *registry.Tx) (registry.Page[pipeline.Inference], error) {
		return tx.Inferences(registry.Query{Texts: map[string]string{"name": name}})
	})
	if err != nil {
		return err
	}
	if len(found.Items) == 0 {
		return none
	}
	i := found.Items[0]
	away := &pipeline.Error{Op: "predict", Kind: pipeline.Unavailable, Field: "inference", Reason: fmt.Sprintf("no replica of %q is ready", name), Hint: "try again in a moment"}
	switch {
	case i.Status == pipeline.InferenceStopped:
		away.Reason, away.Hint = fmt.Sprintf("%q is stopped", name), fmt.Sprintf("`kafkaml inferences start %d` starts it", i.ID)
	case i.Reason != "":
		away.Reason, away.Hint = away.Reason+": "+i.Reason, fmt.Sprintf("`kafkaml inferences show %d` says more", i.ID)
	}
	return away
}
