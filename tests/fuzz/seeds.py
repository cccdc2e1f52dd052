#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzz targets that a person can write down: usage: seeds.py FOLDER. One folder an entry is made in it.

They begin a corpus; what is in tests/fuzz/corpus has been merged since (see docs/testing.md).
"""
import os
import struct
import sys

FRAMES = 15


def lie(where, skip, frames, changes=()):
    out = bytes([0, where, skip & 0xff, len(frames) - 1]) + bytes(frames) + bytes([len(changes)])
    return out + b"".join(struct.pack(">HB", place, value) for place, value in changes)


def control(where, which, changes=()):
    return bytes([1, where, which, len(changes)]) + b"".join(struct.pack(">HB", place, value) for place, value in changes)


def wait(ms):
    return bytes([4, ms * 4 if ms < 50 else 200 + min(ms // 40, 55)])


def sealed():
    for state in range(10):
        for liar in (0, 0x80):
            name = "%s-%d" % ("gateway" if liar else "client", state)
            body = b""
            for frame in range(FRAMES):
                body += lie(0, 0, [frame]) + wait(1)
            yield name + "-frames", bytes([state | liar]) + body
            body = b""
            for which in range(10):
                body += control(0, which) + wait(3) + control(2, which | 1) + wait(30)
            yield name + "-control", bytes([state | liar]) + body
            yield name + "-late", bytes([state | liar]) + wait(400) + bytes([5, 0]) + wait(2) + control(2, 2) + lie(0, 3, [1, 2, 9]) + wait(400)
            yield name + "-bytes", bytes([state | liar]) + bytes([2, 0, 3]) + b"\x00\x00\x00" + bytes([2, 0, 4]) + b"\x01\x00\x08\x00" + \
                bytes([3, 0, 40, 0]) + bytes([3, 0, 4, 1]) + struct.pack(">HB", 12, 1)
    for liar in (0, 0x80):
        yield "report-beyond-%x" % liar, bytes([liar]) + lie(0, 0, [2], [(18, 1)]) + wait(5)
        yield "end-and-again-%x" % liar, bytes([0x40 | liar]) + lie(0, 0, [8]) + wait(400) + lie(0, 0, [4, 3]) + control(0, 2) + wait(400)


def datagram():
    for state in range(6):
        for to_client in (0, 2):
            for kind in (6, 8, 9, 10, 11, 4) if to_client else (1, 5, 7, 4):
                changes = b"".join(bytes([to_client, kind, 1, 0, place, 1 << place % 8]) for place in range(16))
                body = b"".join(bytes([to_client, kind, 1, place >> 8, place & 0xff, 0x80]) for place in (16, 31, 32, 47, 48, 60, 90, 119))
                yield "changed-%d-%s-%d" % (state, "down" if to_client else "up", kind), bytes([state]) + changes + body


def inner(family, protocol, payload, flags=0x10, head=b""):
    # Lengths and checksums are made right by the target.
    body = struct.pack(">HH", 1000, 443)
    body += struct.pack(">LLBBHHH", 7, 9, 0x50, flags, 500, 0, 0) if protocol == 6 else struct.pack(">HH", 8 + payload, 1)
    body = head + body + bytes(payload)
    if family == 4:
        return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))) + body
    return struct.pack(">LHBB16s16s", 0x60000000, len(body), protocol if not head else 60, 64, bytes(15) + b"\1", bytes(15) + b"\2") + body


def offload():
    for family, at in ((4, 20), (6, 40)):
        for protocol, kind, csum in ((6, 1, 16), (17, 3, 6)):
            name, kind = "%d-%d" % (family, protocol), kind + (family == 6)
            packet = inner(family, protocol, 250, 0x99)
            for how, what in ((0, "complete"), (0x80, "partial"), (0x60, "ecn")):
                yield "split-%s-%s" % (name, what), b"\0" + struct.pack(">BHHHH", kind | 0x40 | how, at, csum, len(packet) - 250, 100) + packet
            yield "single-" + name, b"\0" + struct.pack(">BHHHH", 0x40, at, csum, 0, 0) + packet
            run = struct.pack(">BH", 0x10, len(packet)) + inner(family, protocol, 250) + b"\x18\0\0" * 3
            cut = struct.pack(">BH", 0x10, 300) + inner(family, protocol, 200) + b"\x18\0\0"
            yield "merge-" + name, b"\1" + run + cut
            yield "merge-partial-" + name, b"\1" + run.replace(b"\x18\0\0", b"\x19\0\0")
            yield "merge-sessions-" + name, b"\1" + run + b"\x1a\0\0" * 2 + b"\x18\0\0\x1c\0\0"
    packet = inner(6, 6, 250, 0x18, bytes((6, 0)) + bytes(6))
    yield "split-extension", b"\0" + struct.pack(">BHHHH", 0x42, 48, 16, 68, 100) + packet
    fragment = bytearray(inner(4, 17, 100))
    fragment[6] = 0x20
    tcp = inner(4, 6, 100)
    yield "merge-fragment", b"\1" + struct.pack(">BH", 0x10, len(tcp)) + tcp + b"\x18\0\0" + struct.pack(">BH", 0x10, len(fragment)) + bytes(fragment) + \
        struct.pack(">BH", 0x10, len(tcp)) + tcp


def birth():
    def init(how, header=(), payload=()):
        return bytes([0, how, len(header)]) + b"".join(bytes(c) for c in header) + bytes([len(payload)]) + b"".join(bytes(c) for c in payload)

    def reply(how, header=(), payload=()):
        return bytes([1]) + init(how, header, payload)[1:]

    def run(ms):
        return bytes([3, ms if ms < 200 else 200 + min(ms // 100, 55)])

    yield "user", bytes([1]) + init(0) + run(20) + init(0x04) + run(20)
    yield "nobody", bytes([1]) + init(1) + run(20) + init(2) + run(20)
    yield "again", bytes([8]) + init(0x80) + run(5) + init(0x40 | 0x80) + run(600)
    yield "full", bytes([8]) + b"".join(init(k << 3) for k in range(8, 16)) + run(200) + run(5000)
    yield "replies", bytes([8]) + run(15) + reply(0) + run(15) + reply(1) + run(600) + reply(4) + run(5)
    yield "replies-changed", bytes([8]) + run(15) + reply(0, (), [(24, 3)]) + reply(0, [(0, 1)]) + reply(0, (), [(30, 1)]) + run(600)
    yield "cookies", bytes([8]) + run(15) + bytes([2, 7, 0, 0]) + run(600) + bytes([2, 9, 0, 1, 20, 1]) + run(600) + init(0) + run(20)
    yield "payloads", bytes([8]) + init(0, (), [(0, 1)]) + init(0, (), [(0, 2)]) + init(0, (), [(1, 1)]) + init(0, (), [(100, 1)]) + run(20)
    yield "orders", bytes([3]) + bytes([4, 1]) + run(50) + bytes([4, 0]) + run(200) + bytes([4, 3]) + run(300) + bytes([4, 8]) + run(400) + init(0)


def ops(*pairs):
    return b"".join(bytes(p) for p in pairs)


def pair():
    head = bytes([0x13, 0])
    yield "spoil", head + ops((12, 1), (16, 0), (0, 20), (5,)) + ops((0, 20), (12, 0)) + ops((16, 1), (0x80, 40, 1), (3, 40))
    yield "again", head + ops((12, 1), (0, 30), (17, 0), (0,), (17, 1), (1,), (17, 3), (0x28,), (3, 20))
    yield "garbage", head + ops((18, 1), (16,)) + bytes(range(16)) + ops((0, 5), (18, 0), (16,)) + bytes([0x11] * 16) + ops((0, 5))
    yield "minutes", bytes([0x13, 1]) + ops((12, 1), (19, 5), (12, 0), (19, 60), (12, 1), (19, 20))
    yield "asleep", bytes([0x13, 0x41]) + ops((12, 1), (15, 0xf6), (0, 31), (20, 0xff), (0, 31), (20, 0xfe), (3, 40))
    yield "shapes", bytes([0x15, 0]) + b"".join(ops((21, k << 2 | 1), (90,), (13, 1), (0, 31)) for k in range(8)) + ops((3, 200))
    yield "families", bytes([0x13, 6]) + ops((22, 1), (3, 40), (21, 0x18), (4,), (3, 100), (22, 3), (3, 40), (22, 0), (3, 200))
    yield "killed", bytes([0x1b, 0]) + ops((3, 20), (23, 0), (3, 100), (12, 1), (23, 0), (3, 200))
    yield "inner", head + b"".join(ops((24, how), (64,)) + bytes([0x45, 0, 0, 64, 0, 0, 0x40, 0, 64, 6]) + bytes(54) for how in range(8)) + ops((3, 10))
    yield "fields", head + b"".join(ops((25, how), (how * 5, 1, how), (0, 31)) for how in range(12)) + ops((3, 100))
    yield "users", bytes([0x1b, 0]) + b"".join(ops((26, how), (3, 60)) for how in (1, 5, 9, 0x10, 0x20, 0x24, 0, 1))
    yield "flows", bytes([0x15, 0x30]) + ops((27, 0), (27, 1), (3, 50), (9, 0xc0), (3, 50), (9, 0), (3, 200), (8, 0), (3, 100))
    yield "stranger", bytes([0x0b, 0xc0]) + ops((3, 255), (3, 255))


def main():
    for entry in (birth, datagram, offload, sealed, pair):
        folder = os.path.join(sys.argv[1], entry.__name__)
        os.makedirs(folder, exist_ok=True)
        for name, data in entry():
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)
    return 0


if len(sys.argv) != 2:
    sys.exit(__doc__)
sys.exit(main())
