"""seccomp: the system calls that the process may make from now on.

An allow list. What is not on it fails with EPERM, so that libraries that probe
go on; a foreign architecture kills the process.
"""
import ctypes
import os
import platform
import struct

_PLAIN = {
    "x86_64": dict(
        read=0, write=1, close=3, stat=4, fstat=5, lstat=6, poll=7, lseek=8, mmap=9, mprotect=10, munmap=11, brk=12,
        rt_sigaction=13, rt_sigprocmask=14, rt_sigreturn=15, pread64=17, pwrite64=18, readv=19, writev=20, access=21,
        pipe=22, select=23, sched_yield=24, mremap=25, msync=26, mincore=27, madvise=28, dup=32, dup2=33, pause=34,
        nanosleep=35, getpid=39, sendfile=40, exit=60, uname=63, flock=73, fsync=74, fdatasync=75, ftruncate=77,
        getdents=78, getcwd=79, rename=82, mkdir=83, rmdir=84, unlink=87, readlink=89, umask=95, gettimeofday=96,
        getrlimit=97, getrusage=98, sysinfo=99, times=100, getuid=102, getgid=104, geteuid=107, getegid=108,
        getppid=110, sigaltstack=131, statfs=137, fstatfs=138, sched_getparam=143, sched_getscheduler=145, gettid=186,
        futex=202, sched_getaffinity=204, getdents64=217, set_tid_address=218, restart_syscall=219, fadvise64=221,
        clock_gettime=228, clock_getres=229, clock_nanosleep=230, exit_group=231, epoll_wait=232, epoll_ctl=233,
        mkdirat=258, newfstatat=262, unlinkat=263, renameat=264, readlinkat=267, faccessat=269, pselect6=270, ppoll=271,
        set_robust_list=273, epoll_pwait=281, eventfd2=290, epoll_create1=291, dup3=292, pipe2=293,
        getcpu=309, renameat2=316, getrandom=318, membarrier=324, copy_file_range=326, statx=332, rseq=334,
        close_range=436, faccessat2=439),
    "aarch64": dict(
        getcwd=17, eventfd2=19, epoll_create1=20, epoll_ctl=21, epoll_pwait=22, dup=23, dup3=24, flock=32, mkdirat=34,
        unlinkat=35, renameat=38, statfs=43, fstatfs=44, ftruncate=46, faccessat=48, close=57, pipe2=59,
        getdents64=61, lseek=62, read=63, write=64, readv=65, writev=66, pread64=67, pwrite64=68, sendfile=71,
        pselect6=72, ppoll=73, readlinkat=78, newfstatat=79, fstat=80, fsync=82, fdatasync=83, exit=93, exit_group=94,
        set_tid_address=96, futex=98, set_robust_list=99, nanosleep=101, clock_gettime=113, clock_getres=114,
        clock_nanosleep=115, sched_getscheduler=120, sched_getparam=121, sched_getaffinity=123, sched_yield=124,
        restart_syscall=128, sigaltstack=132, rt_sigaction=134, rt_sigprocmask=135, rt_sigreturn=139, times=153,
        uname=160, getrusage=165, umask=166, getcpu=168, gettimeofday=169, getpid=172, getppid=173, getuid=174,
        geteuid=175, getgid=176, getegid=177, gettid=178, sysinfo=179, brk=214, munmap=215, mremap=216, mmap=222,
        fadvise64=223, mprotect=226, msync=227, mincore=232, madvise=233, renameat2=276, getrandom=278, membarrier=283,
        copy_file_range=285, statx=291, rseq=293, close_range=436, faccessat2=439),
}
# Those that are decided by their arguments.
_DECIDED = {
    "x86_64": dict(open=2, ioctl=16, clone=56, kill=62, fcntl=72, prctl=157, tgkill=234, openat=257, prlimit64=302,
                   fallocate=285, clone3=435),
    "aarch64": dict(fcntl=25, ioctl=29, openat=56, kill=129, tgkill=131, prctl=167, clone=220, prlimit64=261,
                    fallocate=47, clone3=435),
}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOTTY, _ENOSYS, _EOPNOTSUPP = 1, 25, 38, 95
# Classic BPF: load a word, jumps, and, return. Jumps count instructions to skip.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data


def _argument(i):
    return _LOAD, 0, 0, 16 + 8 * i  # its low half


def _return(action):
    return _RETURN, 0, 0, action


def _only(argument, values, refusal=_EPERM):
    """Allows the call where the argument is one of values."""
    n = len(values)
    tests = [(_EQUAL, n - i, 0, value) for i, value in enumerate(values)]
    return [_argument(argument), *tests, _return(_ERRNO | refusal), _return(_ALLOW)]


def _no_read_only_truncate(flags):
    """O_TRUNC with O_RDONLY: Landlock before ABI 3 would let it empty a file that can only be read."""
    return [_argument(flags), (_ANY_BIT, 0, 3, os.O_TRUNC), (_AND, 0, 0, os.O_ACCMODE), (_EQUAL, 0, 1, os.O_RDONLY),
            _return(_ERRNO | _EPERM), _return(_ALLOW)]


def _decisions(pid):
    set_name, get_name = 15, 16
    tcgets, fioclex = 0x5401, 0x5451
    clone_thread = 0x10000
    # F_SETOWN, F_SETSIG, F_SETOWN_EX and F_NOTIFY would send signals to others.
    signalling = (8, 10, 15, 1026)
    return {
        "open": _no_read_only_truncate(1),
        "openat": _no_read_only_truncate(2),
        "clone": [_argument(0), (_ANY_BIT, 1, 0, clone_thread), _return(_ERRNO | _EPERM), _return(_ALLOW)],
        "clone3": [_return(_ERRNO | _ENOSYS)],  # its flags are behind a pointer; glibc then uses clone
        # It takes all that the disk has left faster than anybody looks; C libraries write zeros instead.
        "fallocate": [_return(_ERRNO | _EOPNOTSUPP)],
        "kill": _only(0, [pid]),
        "tgkill": _only(0, [pid]),
        "prctl": _only(0, [set_name, get_name]),
        "ioctl": _only(1, [tcgets, fioclex], _ENOTTY),
        "fcntl": [_argument(1), *[(_EQUAL, len(signalling) - i, 0, f) for i, f in enumerate(signalling)],
                  _return(_ALLOW), _return(_ERRNO | _EPERM)],
        # Reading one's own limits; both halves of the pointer to new ones must be null.
        "prlimit64": [_argument(0), (_EQUAL, 0, 5, 0), _argument(2), (_EQUAL, 0, 3, 0), (_LOAD, 0, 0, 36),
                      (_EQUAL, 0, 1, 0), _return(_ALLOW), _return(_ERRNO | _EPERM)],
    }


def program(pid):
    """The filter of process pid as BPF instructions (code, jump if true, if false, operand)."""
    machine = platform.machine()
    instructions = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, _AUDIT_ARCH[machine]), _return(_KILL_PROCESS),
                    (_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":  # the x32 numbers
        instructions += [(_AT_LEAST, 0, 1, 0x40000000), _return(_KILL_PROCESS)]
    decisions = _decisions(pid)
    for name, number in _DECIDED[machine].items():
        body = decisions[name]
        instructions += [(_EQUAL, 0, len(body), number), *body]
    for number in _PLAIN[machine].values():
        instructions += [(_EQUAL, 0, 1, number), _return(_ALLOW)]
    return instructions + [_return(_ERRNO | _EPERM)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def restrict():
    """Installs the filter for this process, whose only thread must be calling. Raises OSError."""
    instructions = program(os.getpid())
    code = b"".join(struct.pack("=HBBI", *i) for i in instructions)
    buffer = ctypes.create_string_buffer(code, len(code))
    libc = ctypes.CDLL(None, use_errno=True)
    set_seccomp, mode_filter = 22, 2
    wanted = _Program(len(instructions), ctypes.addressof(buffer))
    if libc.prctl(set_seccomp, mode_filter, ctypes.byref(wanted), 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
