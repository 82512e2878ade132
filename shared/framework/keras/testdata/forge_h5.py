"""Writes HDF5 files as Keras does and forged ones, one a name, for template_weights_test.go.

Run as: python -I -S forge_h5.py SITE FOLDER
"""
import os
import sys

sys.path.insert(0, sys.argv[1])
os.chdir(sys.argv[2])

import h5py
import numpy as np

VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def plain(f):
    f.create_group("layers/dense/vars").create_dataset("0", data=VALUES)


def groups(f):
    for i in range(300):  # more than a node of the tree holds
        f.create_dataset(f"layers/l{i}/vars/0", data=VALUES + i)
    f["layers/l0"].attrs["name"] = "kernel"
    f["layers/scalar"] = np.int64(3)
    f["layers/empty"] = np.zeros((0, 3), np.float32)


def hard_link(f):
    plain(f)
    f["again"] = f["layers/dense/vars/0"]


def external_link(f):
    plain(f)
    f["layers/dense/vars/1"] = h5py.ExternalLink("/etc/secret.h5", "/x")


def soft_link(f):
    plain(f)
    f["layers/dense/vars/1"] = h5py.SoftLink("/layers/dense/vars/0")


def external_storage(f):
    f.create_dataset("layers/dense/vars/0", (3, 4), np.float32, external=[("/etc/passwd", 0, 48)])


def virtual(f):
    layout = h5py.VirtualLayout((3, 4), np.float32)
    layout[:] = h5py.VirtualSource("/etc/secret.h5", "x", (3, 4))
    f.create_virtual_dataset("layers/dense/vars/0", layout)


def chunks(f):
    f.create_dataset("layers/dense/vars/0", data=VALUES, chunks=(1, 4))


def filters(f):
    f.create_dataset("layers/dense/vars/0", data=VALUES, compression="gzip")


def bomb(f):
    f.create_dataset("layers/dense/vars/0", (1 << 40,), np.float32)


def committed_type(f):
    f["kind"] = np.dtype(np.float32)
    f.create_dataset("layers/dense/vars/0", data=VALUES, dtype=f["kind"])


for make in (plain, groups, hard_link, external_link, soft_link, external_storage, virtual, chunks, filters, bomb, committed_type):
    with h5py.File(make.__name__, "w") as f:
        make(f)
with h5py.File("later_format", "w", libver="latest") as f:
    plain(f)
with h5py.File("user_block", "w", userblock_size=512) as f:
    plain(f)
