package keras

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// forgeries are what testdata/forge.py writes, with a part of the reason for
// which each is refused.
var forgeries = map[string]string{
	"two_graphs":           "more than one graph",
	"no_graph":             "0 graphs",
	"another_tag":          "tags",
	"asset":                "asset files",
	"gradient":             "gradients",
	"remote_device":        "the device",
	"tpu":                  "the attribute _tpu_replicate",
	"missing_function":     "__inference_missing is missing",
	"call_by_name":         "called from elsewhere",
	"recursion":            "calls itself",
	"explosion":            "written out",
	"large_constant":       "too large",
	"overflowing_constant": "too large",
	"negative_constant":    "too large",
	"many_constants":       "too large",
	"handle_constant":      "a handle as value",
	"large_variable":       "too large",
	"shapeless_variable":   "no type and shape",
	"doubled_node":         "there twice",
	"doubled_function":     "there twice",

	"save_while_loading":              "SaveV2 in the function that restores",
	"merge_while_loading":             "MergeV2Checkpoints in the function that restores",
	"save_elsewhere":                  "SaveV2 uses a path",
	"save_to_another_argument":        "SaveV2 uses a path",
	"save_with_a_climbing_suffix":     "SaveV2 uses a path",
	"save_with_a_prefix":              "SaveV2 uses a path",
	"save_with_a_separator":           "SaveV2 uses a path",
	"merge_elsewhere":                 "MergeV2Checkpoints uses a path",
	"restore_elsewhere":               "RestoreV2 uses a path",
	"restore_in_a_circle":             "RestoreV2 uses a path",
	"node_with_the_name_of_the_path":  "hides the file name",
	"save_called_from_the_graph":      "called from elsewhere",
	"save_called_from_training":       "called from elsewhere",
	"save_as_a_branch":                "called from elsewhere",
	"save_in_a_list_of_branches":      "called from elsewhere",
	"save_as_the_attribute_of_a_call": "function or a list as attribute",
	"save_stands_in_for_another":      "api_implements",
	"path_given_by_another_node":      "does not take the file name first",
	"path_used_by_another_node":       "uses the saver's file name",
	"save_used_by_another_node":       "uses the saver's operations",
	"path_is_no_placeholder":          "no placeholder",
	"path_is_an_input":                "uses the saver",
	"save_is_an_output":               "uses the saver",
	"save_is_run_at_the_start":        "uses the saver",
	"saver_trains":                    "does not take the file name first",
	"saver_saves_twice":               "by the same function",
	"no_saver":                        "file name",

	"no_train":                   "the signature train is missing",
	"another_signature":          `"evil" is not expected`,
	"input_of_another_type":      "described as float32",
	"input_of_another_shape":     "described as float32",
	"input_of_another_name":      "the graph has",
	"input_is_no_placeholder":    "no placeholder of its own",
	"inputs_share_a_placeholder": "no placeholder of its own",
	"input_is_sparse":            "the signature train",
	"input_has_a_default":        "default values",
	"output_of_another_shape":    "described as float32 [-1 2]",
	"output_without_a_node":      "no dense tensor of the graph",
	"metric_of_another_type":     "no float32 of 0 axes",
	"metric_of_another_name":     "metrics of train",
	"variable_out_of_order":      "out of its order",
	"variable_of_unknown_shape":  "too large",
	"assigned_in_another_shape":  "the signature assign",
	"no_assign":                  "the signature assign is missing",
}

// TestAttackForgedGraph verifies variants of a real graph that TensorFlow would load.
func TestAttackForgedGraph(t *testing.T) {
	dir, e := exported(t)
	graph := filepath.Join(dir, "model", "saved_model.pb")
	forged := t.TempDir()
	o := options(t)
	c := exec.CommandContext(t.Context(), o.Python, "-I", "-S", "testdata/forge.py", o.SitePackages, graph, forged)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := os.ReadDir(forged)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < len(forgeries)+80 {
		t.Errorf("%d forgeries", len(files))
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(forged, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(graph, data, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(f.Name(), func(t *testing.T) {
			op, _, operation := strings.Cut(f.Name(), "_in_")
			switch says := forgeries[f.Name()]; {
			case f.Name() == "nothing":
				if err := Verify(dir, e); err != nil {
					t.Error(err)
				}
			case says != "":
				refused(t, dir, e, says)
			case operation:
				refused(t, dir, e, "the operation "+op+" is not allowed")
			default:
				t.Error("a forgery without a reason")
			}
		})
	}
}
