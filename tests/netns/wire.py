#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an attacker does with outer datagrams; needs root. Types: 1 birth, 4 traffic, 5 probe, 7 request (src/core/msg.h).

  wire.py capture FILE                            every UDP datagram of port 4433 in this namespace, until SIGTERM; FILE.ready
  wire.py replay FILE TYPE LAST ADDRESS [spoof]   send the LAST newest datagrams of TYPE that went to the gateway once more: from a
                                                  socket of this namespace, or (spoof) with the source that they had. Prints JSON:
                                                  sent, replies, and the largest reply as a share of what it answers
  wire.py flood KIND ADDRESS SECONDS [FILE]       as fast as one core can: garbage, locator (well-formed, unknown), proof (the
                                                  locators of FILE with sealed parts that are not), birth (first messages without
                                                  a MAC). Prints JSON: sent, seconds
  wire.py inner DEVICE SOURCE ADDRESS COUNT       put inner packets with that source into a TUN device
"""
import json
import os
import random
import signal
import socket
import struct
import sys
import time

PORT = 4433
VERSION = 1 << 6  # the top bits of the first byte
stopped = False


def on_signal(_number, _frame):
    global stopped
    stopped = True


def capture(path):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.settimeout(0.2)
    with open(path, "w", buffering=1) as out:
        open(path + ".ready", "w").close()
        while not stopped:
            try:
                ip = sock.recv(65535)
            except OSError:
                continue
            head = (ip[0] & 15) * 4
            if ip[9] != 17 or struct.unpack("!H", ip[6:8])[0] & 0x3fff:
                continue
            sport, dport, size = struct.unpack("!HHH", ip[head:head + 6])
            if PORT in (sport, dport):
                out.write("%s %d %s %d %s\n" % (socket.inet_ntoa(ip[12:16]), sport, socket.inet_ntoa(ip[16:20]), dport,
                                                ip[head + 8:head + size].hex()))


def captured(path, kind):
    found = []
    with open(path) as lines:
        for line in lines:
            src, sport, dst, dport, data = line.split()
            if int(dport) == PORT and int(data[:2], 16) & 0x1f == kind:
                found.append((src, int(sport), dst, bytes.fromhex(data)))
    # A datagram may be seen on more than one device.
    return list(dict.fromkeys(found))


def ipv4_udp(source, port, target, data):
    udp = struct.pack("!HHHH", port, PORT, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), random.getrandbits(16), 0, 64, 17, 0, socket.inet_aton(source),
                       socket.inet_aton(target))
    return head + udp


def replay(path, kind, last, address, spoof=""):
    datagrams = captured(path, int(kind))[-int(last):]
    if not datagrams:
        sys.exit("nothing was captured")
    if spoof:
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        for source, port, target, data in datagrams:
            sock.sendto(ipv4_udp(source, port, target, data), (address, 0))
        print(json.dumps({"sent": len(datagrams)}))
        return
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.3)
    replies, share = 0, 0.0
    for _, _, _, data in datagrams:
        sock.sendto(data, (address, PORT))
    try:
        while True:
            replies, share = replies + 1, max(share, len(sock.recv(65535)) / min(len(d[3]) for d in datagrams))
    except OSError:
        pass
    print(json.dumps({"sent": len(datagrams), "replies": replies, "largest_share": round(share, 2)}))


def flood(kind, address, seconds, path=""):
    if kind == "garbage":
        pool = [os.urandom(random.randrange(1, 1400)) for _ in range(512)]
    elif kind == "birth":
        pool = [bytes([VERSION | 1, 0, 0, 1]) + bytes(4) + os.urandom(248) for _ in range(512)]
    elif kind == "locator":
        pool = [bytes([VERSION | random.choice((4, 5, 7)), 1]) + os.urandom(14 + random.randrange(100, 1300)) for _ in range(512)]
    else:
        known = [d[3] for t in (4, 5, 7) for d in captured(path, t)[-8:]]
        pool = [k[:16] + os.urandom(len(k) - 16) for k in known for _ in range(16)]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, PORT))
    start, sent = time.monotonic(), 0
    while time.monotonic() - start < float(seconds):
        for data in pool:
            try:
                sock.send(data)
                sent += 1
            except OSError:
                pass  # the queue of the device is full: not sent
    print(json.dumps({"sent": sent, "seconds": round(time.monotonic() - start, 2)}))


def inner(device, source, address, count):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    for number in range(int(count)):
        packet = bytearray(ipv4_udp(source, 7777, address, b"spoofed %d" % number))
        total = sum(struct.unpack("!10H", packet[:20]))
        struct.pack_into("!H", packet, 10, ~((total & 0xffff) + (total >> 16)) & 0xffff)
        sock.sendto(bytes(packet), (device, 0x0800))
    print(json.dumps({"sent": int(count)}))


signal.signal(signal.SIGTERM, on_signal)
signal.signal(signal.SIGINT, on_signal)
commands = {"capture": capture, "replay": replay, "flood": flood, "inner": inner}
if len(sys.argv) < 3 or sys.argv[1] not in commands:
    sys.exit(__doc__)
commands[sys.argv[1]](*sys.argv[2:])
