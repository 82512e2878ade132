package fence

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// refused are the calls that neither training nor serving makes: they start
// programs, look into or signal other processes, change what the machine is, or
// reach the parts of the kernel where most of its faults were found. One that this
// architecture does not have is left out.
var refused = []string{
	"execve", "execveat", "fork", "vfork",
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd", "pidfd_open",
	"pidfd_send_signal", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "migrate_pages", "move_pages",
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"unshare", "setns", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"add_key", "keyctl", "request_key", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark", "lookup_dcookie",
	"init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd",
	"settimeofday", "stime", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "syslog", "vhangup",
	"iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "personality", "uselib", "ustat", "sysfs", "_sysctl", "nfsservctl",
	"mknod", "mknodat", "link", "linkat", "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",
	"shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semctl", "semtimedop", "mq_open", "mq_unlink",
}

const (
	cloneThread = 0x10000
	fastOpen    = 0x20000000 // MSG_FASTOPEN connects without connect(2), which Landlock watches
	nosys       = seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)
	unsupported = seccomp.ActionErrno | seccomp.Action(unix.EOPNOTSUPP)
)

// policy refuses calls by name, and some by their arguments; all others are made.
func (f Fence) policy(names map[string]int) seccomp.Policy {
	refuse := seccomp.SyscallGroup{Action: seccomp.ActionErrno}
	for _, name := range refused {
		if _, ok := names[name]; ok {
			refuse.Names = append(refuse.Names, name)
		}
	}
	when := func(name string, argument uint32, is seccomp.Operation, value uint64) {
		if _, ok := names[name]; ok {
			refuse.NamesWithCondtions = append(refuse.NamesWithCondtions, seccomp.NameWithConditions{
				Name: name, Conditions: seccomp.ArgumentConditions{{Argument: argument, Operation: is, Value: value}},
			})
		}
	}
	self := uint64(os.Getpid()) // #nosec G115 -- a process id
	when("clone", 0, seccomp.BitsNotSet, cloneThread)
	for _, name := range []string{"kill", "tgkill"} {
		when(name, 0, seccomp.NotEqual, self)
	}
	when("sendto", 3, seccomp.BitsSet, fastOpen)
	when("sendmsg", 2, seccomp.BitsSet, fastOpen)
	when("sendmmsg", 3, seccomp.BitsSet, fastOpen)
	when("prctl", 0, seccomp.Equal, unix.PR_SET_DUMPABLE) // or nobody could see which files it holds
	f.sockets(&refuse, names)
	return seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{
		refuse,
		{Names: []string{"clone3"}, Action: nosys}, // its flags are behind a pointer; C libraries then use clone
		// It takes all that the disk has left faster than anybody looks; C libraries write zeros instead.
		{Names: []string{"fallocate"}, Action: unsupported},
	}}
}

// sockets are of IP, and streams of TCP: not the multipath one, which Landlock does
// not watch. Datagrams are only for asking for names.
func (f Fence) sockets(refuse *seccomp.SyscallGroup, names map[string]int) {
	if _, ok := names["socket"]; !ok {
		return
	}
	not := func(argument uint32, values ...uint64) (all seccomp.ArgumentConditions) {
		for _, v := range values {
			all = append(all, seccomp.Condition{Argument: argument, Operation: seccomp.NotEqual, Value: v})
		}
		return all
	}
	flagged := func(kind uint64) []uint64 {
		return []uint64{kind, kind | unix.SOCK_CLOEXEC, kind | unix.SOCK_NONBLOCK, kind | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK}
	}
	kinds, protocols := flagged(unix.SOCK_STREAM), []uint64{0, unix.IPPROTO_TCP}
	if f.Lookup {
		kinds, protocols = append(kinds, flagged(unix.SOCK_DGRAM)...), append(protocols, unix.IPPROTO_UDP)
	}
	for _, conditions := range []seccomp.ArgumentConditions{not(0, unix.AF_INET, unix.AF_INET6), not(1, kinds...), not(2, protocols...)} {
		refuse.NamesWithCondtions = append(refuse.NamesWithCondtions, seccomp.NameWithConditions{Name: "socket", Conditions: conditions})
	}
}

// filterCalls installs the policy in all threads. A call of another architecture,
// whose numbers mean something else, ends the process.
func (f Fence) filterCalls() error {
	machine, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	policy := f.policy(machine.SyscallNames)
	program, err := policy.Assemble()
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	raw, err := bpf.Assemble(append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 4}, // struct seccomp_data, arch
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(machine.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(seccomp.ActionKillProcess)},
	}, program...))
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	wanted := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]} // #nosec G115 -- a filter has at most 4096 instructions
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&wanted)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
