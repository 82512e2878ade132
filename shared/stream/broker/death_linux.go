package broker

import "syscall"

// parentDeath makes the kernel end the child when this process ends without
// having said so.
func parentDeath() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
