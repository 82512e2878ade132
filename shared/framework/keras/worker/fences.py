"""What stands between pasted source and the machine, put up in one order."""
import ctypes
import os
import resource
import signal
import sysconfig

import landlock
import seccomp

_SET_PDEATHSIG, _SET_NO_NEW_PRIVS = 1, 38
_libc = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    """A fence that this machine does not give; pasted source must not run."""


def die_with(parent):
    """Ends this process when its parent ends. Exits at once if that has happened."""
    os.setsid()
    _libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def readable(sites, worker):
    """What building a model reads: the interpreter's library, the packages, these files, random numbers."""
    paths = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *sites, worker}
    files = ["/dev/urandom", "/dev/null", "/proc/self/cmdline"]
    return [(p, landlock.READ) for p in sorted(paths)] + [(f, landlock.READ_FILE) for f in files]


def limit(limits):
    """Sets the resource limits: a dict of address_space, data, cpu (seconds), file, open_files."""
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_DATA, limits["data"]),
    ):
        resource.setrlimit(which, (value, value))
    # The second more: SIGXCPU can be caught, SIGKILL at the hard limit cannot.
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu"], limits["cpu"] + 1))


def close_off(scratch, read):
    """Landlock and seccomp, for good. `read` as readable() gives it; only scratch can be written."""
    if _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise Missing("no_new_privs cannot be set")
    try:
        landlock.restrict(read + ([(scratch, landlock.WRITE)] if scratch else []))
    except OSError as e:
        raise Missing(f"Landlock: {e}") from e
    try:
        seccomp.restrict()
    except (OSError, KeyError) as e:
        raise Missing(f"seccomp: {e!r}") from e


def probe(sites, worker):
    """Puts the fences up in a process of its own and tells which is missing, "" when none."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        why = ""
        try:
            close_off(None, readable(sites, worker))
        except BaseException as e:
            why = str(e) or repr(e)
        os.write(write_end, why.encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        why = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    return why or ("" if status == 0 else f"the probe of the fences ended with status {status}")
