"""Binds symbols of a library to itself, so that it opens in less than half the time.

    bind.py FOLDER LIBRARY...

Each LIBRARY in FOLDER, an ELF file for x86-64 or AArch64, is rewritten in place.
Of what the dynamic linker does as it opens TensorFlow's library, nearly all is to
look up the 250,000 symbols that the library itself defines, since another one that
was opened before could define them as well. Where none does, the answer is known
beforehand: such a relocation is written as one relative to where the library lies
(R_X86_64_RELATIVE of the System V ABI), as `ld -Bsymbolic` would have done.

A symbol is bound where its name is one of C++ and none of the other libraries below
FOLDER, nor those of C and C++, defines it. Names of C stay as they are, and so do
unique, thread-local and indirect symbols: what two libraries share is still one.
"""

import os
import pathlib
import struct
import sys

import numpy as np

# By machine: the relocations of a symbol's address, in data and in the table of
# offsets, and the one that is relative.
RELOCATIONS = {62: (1, 6, 8), 183: (257, 1025, 1027)}

# Of the dynamic section.
STRTAB, RELA, RELASZ, JMPREL, RELACOUNT = 5, 7, 8, 23, 0x6FFFFFF9

RELA_TYPE = np.dtype([("offset", "<u8"), ("kind", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])
SYMBOL_TYPE = np.dtype([("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")])

LOAD, DYNAMIC, DYNSYM = 1, 2, 11
UNDEFINED, RESERVED = 0, 0xFF00
GLOBAL_OR_WEAK, OBJECT_OR_FUNCTION = (1, 2), (1, 2)


class Library:
    """The parts of an ELF file that symbols are looked up in."""

    def __init__(self, path):
        self.bytes = np.fromfile(path, np.uint8)
        head = self.bytes[:64].tobytes()
        if head[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not ELF of 64 bits, little-endian")
        self.machine = struct.unpack_from("<H", head, 18)[0]
        at, sections = struct.unpack_from("<QQ", head, 32)
        size, count, section_size, section_count = struct.unpack_from("<HHHH", head, 54)
        self.segments = [struct.unpack("<IIQQQQQQ", self.bytes[at + i * size :][:56].tobytes()) for i in range(count)]
        self.dynamic_at, self.dynamic_size = next((s[2], s[5]) for s in self.segments if s[0] == DYNAMIC)
        self.dynamic = {int(tag): int(v) for tag, v in self.take(self.dynamic_at, self.dynamic_size, "<u8").reshape(-1, 2)}
        self.symbols = np.empty(0, SYMBOL_TYPE)
        for i in range(section_count):
            s = struct.unpack("<IIQQQQIIQQ", self.bytes[sections + i * section_size :][:64].tobytes())
            if s[1] == DYNSYM:
                self.symbols = self.take(s[4], s[5], SYMBOL_TYPE)
        self.names = self.bytes[self.place(self.dynamic[STRTAB]) :]

    def take(self, at, size, kind):
        return np.frombuffer(self.bytes[at : at + size].tobytes(), kind)

    def place(self, address):
        """Where in the file an address lies."""
        return next(address - s[3] + s[2] for s in self.segments if s[0] == LOAD and s[3] <= address < s[3] + s[5])

    def name(self, symbol):
        at = int(symbol["name"])
        for size in (256, 1 << 20):
            end = self.names[at : at + size].tobytes()
            if 0 in end:
                return end[: end.index(0)]
        raise ValueError("a name does not end")

    def defined(self):
        """The names that it defines."""
        return {self.name(s) for s in self.symbols[self.symbols["section"] != UNDEFINED]}


def bind(path, elsewhere):
    """Rewrites a library; gives how many relocations it bound and how many are left."""
    lib = Library(path)
    absolute, table, relative = RELOCATIONS[lib.machine]
    at, size = lib.place(lib.dynamic[RELA]), lib.dynamic[RELASZ]
    if 0 <= lib.dynamic.get(JMPREL, -1) - lib.dynamic[RELA] < size:
        raise ValueError(f"{path}: the relocations of calls, whose order counts, lie among the others")
    all = lib.take(at, size, RELA_TYPE).copy()
    mine = np.zeros(len(lib.symbols), bool)
    looked_up = np.isin(all["kind"], (absolute, table))
    for i in np.unique(all["symbol"][looked_up]):
        s = lib.symbols[i]
        if s["section"] == UNDEFINED or s["section"] >= RESERVED:
            continue
        if s["info"] >> 4 not in GLOBAL_OR_WEAK or s["info"] & 15 not in OBJECT_OR_FUNCTION:
            continue
        name = lib.name(s)
        mine[i] = name.startswith(b"_Z") and name not in elsewhere
    bound = looked_up & mine[all["symbol"]]
    of_table = bound & (all["kind"] == table) & (lib.machine == 62)  # which has no addend there
    all["addend"][of_table] = 0
    all["addend"][bound] += lib.symbols["value"][all["symbol"][bound]].astype(np.int64)
    all["kind"][bound], all["symbol"][bound] = relative, 0
    # The linker takes the relative ones first, in the order of addresses, and looks a
    # symbol up once for those of one symbol that follow each other.
    all = all[np.lexsort((all["offset"], all["symbol"], all["kind"] != relative))]
    lib.bytes[at : at + size] = np.frombuffer(all.tobytes(), np.uint8)
    count = int((all["kind"] == relative).sum())
    entries = lib.take(lib.dynamic_at, lib.dynamic_size, "<u8").reshape(-1, 2).copy()
    entries[entries[:, 0] == RELACOUNT, 1] = count
    lib.bytes[lib.dynamic_at : lib.dynamic_at + lib.dynamic_size] = np.frombuffer(entries.tobytes(), np.uint8)
    part = path + ".part"
    lib.bytes.tofile(part)
    os.chmod(part, os.stat(path).st_mode)
    os.replace(part, path)
    return int(bound.sum()), len(all) - count


def shared():
    """The libraries of C and C++ that this process has."""
    with open("/proc/self/maps") as maps:
        return {line.split()[-1] for line in maps if "/lib" in line and ".so" in line}


def main(folder, names):
    import ctypes.util

    for name in ("stdc++", "gcc_s", "m", "c"):  # so that they are mapped
        found = ctypes.util.find_library(name)
        if found:
            ctypes.CDLL(found)
    defined = {}
    for path in shared() | {os.path.realpath(p) for p in pathlib.Path(folder).rglob("*.so*") if p.is_file()}:
        try:
            defined[path] = Library(path).defined()
        except (ValueError, StopIteration, OSError):  # no library
            continue
    for name in names:
        path = os.path.realpath(os.path.join(folder, name))
        bound, left = bind(path, set().union(*(d for p, d in defined.items() if p != path)))
        print(f"{name}: {bound:,} symbols bound, {left:,} left to look up")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
