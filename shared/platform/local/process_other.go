//go:build !linux

package local

import "syscall"

// parentDeath puts the child in a process group of its own. Only Linux kills it
// when we die; elsewhere it sees the end of its standard input.
func parentDeath() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// oomKills is known on Linux only.
func oomKills() int64 { return 0 }

// preferForOOM does something on Linux only.
func preferForOOM(int) {}
