// Package fence is what stands between a graph that a stranger wrote and the
// machine, while it trains or serves: a process that will run one names what it
// still needs and gives up everything else, before it opens the library that runs
// the graph and for as long as it lives. It holds the same where a supervisor
// started the process, in a pod and by hand.
package fence

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Variable says what becomes of a process whose fences cannot all be raised: it
// ends where the variable is empty, goes on with those that there are where it is
// "some", and raises none where it is "off".
const Variable = "KAFKAML_FENCE"

// Fence is what a process may still reach. Paths that are missing are left out.
type Fence struct {
	Read    []string // files, and folders with all that is in them
	Write   []string // folders: files in them may be made, changed and deleted, not executed
	Scratch string   // as Write, for what no other process reads: also symbolic links
	List    []string // folders whose entries' names may be read, and nothing more
	Devices []string // files that may be read, written and controlled
	Connect []uint16 // TCP ports
	Listen  []uint16 // TCP ports
	Lookup  bool     // host names are asked of a server: UDP, and TCP of port 53
	Memory  int64    // bytes of writable memory; 0: no bound
	File    int64    // bytes of the largest file that may be written; 0: no bound
}

// The fences, as reports name them.
const (
	Limits       = "limits"       // memory, size of files, no core dumps
	Capabilities = "capabilities" // none are left
	Files        = "files"        // by Landlock
	Network      = "network"      // TCP ports, by Landlock
	Signals      = "signals"      // to processes outside, by Landlock
	Calls        = "calls"        // by seccomp: no new program or process, no ptrace, mount, bpf, io_uring ...
)

// All are the fences in the order in which they are raised.
var All = []string{Limits, Capabilities, Files, Network, Signals, Calls}

// Report is what became of the fences of a process.
type Report struct {
	Held    []string
	Missing map[string]string // why, by fence
}

func (r *Report) note(err error, fences ...string) {
	for _, name := range fences {
		if err == nil {
			r.Held = append(r.Held, name)
		} else {
			r.Missing[name] = err.Error()
		}
	}
}

// Lacks is the fences that are missing with their reasons, "" where all hold.
func (r Report) Lacks() string {
	var parts []string
	for _, name := range All {
		if why, ok := r.Missing[name]; ok {
			parts = append(parts, name+" ("+why+")")
		}
	}
	return strings.Join(parts, ", ")
}

// Raise gives up all that f does not name, in every thread and for good, and logs
// which fences hold. policy is the value of Variable. The error, which is
// Unavailable, says which fence is missing and how to go on without; the fences
// that could be raised stay.
func Raise(f Fence, policy string, log *slog.Logger) error {
	switch policy {
	case "", "some":
	case "off":
		log.Warn("no fence stands between the model and this machine", "because", Variable+"=off")
		return nil
	default:
		return pipeline.Invalidf(Variable, "%q is neither some nor off", policy).WithHint("leave it out, so that a process ends where a fence is missing")
	}
	r := f.raise()
	lacks := r.Lacks()
	switch {
	case lacks == "":
		log.Info("fenced", "fences", r.Held)
	case policy == "some":
		log.Warn("fenced in part", "fences", r.Held, "missing", lacks)
	default:
		return Refusal(lacks)
	}
	return nil
}

// Refusal is the error of a process, or of a machine, that lacks fences.
func Refusal(lacks string) error {
	return &pipeline.Error{
		Op: "fence the model off", Kind: pipeline.Unavailable, Field: Variable, Reason: "missing here: " + lacks,
		Hint: "use Linux 6.12 or later with Landlock and seccomp, in a container one whose profile allows both; " +
			"or set " + Variable + "=some to train and serve with the fences that there are, which is as safe as the models are",
	}
}

// Probe says what this machine lacks of the fences, as Raise would, without raising
// any.
func Probe() Report {
	r := Report{Missing: map[string]string{}}
	r.note(nil, Limits, Capabilities)
	r.noteLandlock(landlockVersion())
	r.note(callsAvailable(), Calls)
	return r
}

// noteLandlock notes what a version of Landlock's interface can fence. Version 3
// can keep a file from being truncated, 4 knows TCP ports, 6 signals.
func (r *Report) noteLandlock(version int) {
	for _, fence := range []struct {
		name  string
		least int
	}{{Files, 3}, {Network, 4}, {Signals, 6}} {
		var err error
		if version < fence.least {
			err = fmt.Errorf("the kernel has version %d of Landlock, %d is needed", version, fence.least)
		}
		r.note(err, fence.name)
	}
}

func sorted(ports []uint16) []uint16 {
	return slices.Compact(slices.Sorted(slices.Values(ports)))
}
