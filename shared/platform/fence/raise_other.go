//go:build !linux

package fence

import "errors"

var errNotLinux = errors.New("only Linux has it")

func (f Fence) raise() Report {
	r := Report{Missing: map[string]string{}}
	r.note(errNotLinux, All...)
	return r
}

func landlockVersion() int { return 0 }

func callsAvailable() error { return errNotLinux }
