// Package version says which kafkaml a program is.
package version

import "runtime/debug"

// linked is set by the linker, where the build gives a version:
//
//	-X github.com/kafkaml/kafkaml/shared/version.linked=...
var linked string

// Read gives the version of this program, "devel" where none is known, and the
// revision that it was built from where no version was given.
func Read() (version, revision string) {
	if linked != "" {
		return linked, ""
	}
	version = "devel"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, ""
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-modified"
		}
	}
	if revision != "" {
		revision += dirty
	}
	return version, revision
}

// String is both in one word or two.
func String() string {
	version, revision := Read()
	if revision == "" {
		return version
	}
	return version + " " + revision
}
