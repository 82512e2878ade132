package deployinference

import (
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
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
		i.Status = pipeline.InferenceDeploying
	}
	return i
}
