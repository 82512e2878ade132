//go:build !linux

package broker

import "syscall"

// parentDeath puts the child in a process group of its own, so that a Ctrl-C
// reaches it only through us. Only Linux ends it when this process is killed.
func parentDeath() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
