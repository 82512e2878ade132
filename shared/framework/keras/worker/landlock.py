"""Landlock: the files that the process may touch from now on.

Numbers and layouts are those of linux/landlock.h; the system calls have the
same numbers on every architecture.
"""
import ctypes
import os
import struct

# ABI 1 cannot grant a rename between two folders, which TensorFlow's saver does.
LEAST_ABI = 2

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

READ_FILE = 1 << 2
_WRITE_FILE, _READ_DIR = 1 << 1, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14

# What a version of the interface can refuse: ABI 2 knows 14 rights, 3 adds
# truncate, 5 adds ioctl on devices.
_HANDLED = {2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_HANDLED_LATEST = (1 << 16) - 1

READ = READ_FILE | _READ_DIR
# No symbolic links, sockets, pipes or devices, and nothing can be executed.
WRITE = READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _call(number, *args):
    result = _libc.syscall(ctypes.c_long(number), *args)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def abi():
    """The version of the kernel's interface, 0 where there is none or it is blocked."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_CREATE_RULESET_VERSION))
    except OSError:
        return 0


def restrict(rules):
    """Grants only `rules`, pairs of path and rights; the network is refused whole.

    no_new_privs must be set. Raises OSError where a rule cannot be set.
    """
    version = abi()
    if version < LEAST_ABI:
        raise OSError(f"Landlock ABI {version}, {LEAST_ABI} is needed")
    handled = _HANDLED.get(version, _HANDLED_LATEST)
    # Bind and connect of TCP from ABI 4, abstract sockets and signals from 6.
    attributes = struct.pack("=QQQ", handled, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    for path, rights in rules:
        try:
            target = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        rule = struct.pack("=Qi", rights & handled, target)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
        os.close(target)
    _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
