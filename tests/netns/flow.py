#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Streams through the tunnel that measure silence, each direction for itself; times are CLOCK_MONOTONIC in ns.

  flow.py udp-recv ADDRESS PORT LOG          writes `number sent_ns received_ns` for each datagram, until SIGTERM
  flow.py udp-send SOURCE ADDRESS PORT MS    a numbered datagram every MS, until SIGTERM
  flow.py udp-first LOG AT_NS DELAY_MS       ms from AT_NS until the first datagram that came later than DELAY_MS after it
  flow.py udp-report LOG                     JSON: received, lost (numbers that never came), longest_gap_ms
  flow.py tcp-echo ADDRESS PORT              sends back what comes
  flow.py tcp ADDRESS PORT MS BYTES          one connection: BYTES every MS, each echo compared; at SIGTERM prints JSON
                                             (bytes, longest_gap_ms, since_last_ms) and ends with 1 where the connection broke
"""
import json
import select
import signal
import socket
import struct
import sys
import time

stopped = False
now = time.monotonic_ns


def on_signal(_number, _frame):
    global stopped
    stopped = True


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_recv(address, port, log):
    sock = socket.socket(family(address), socket.SOCK_DGRAM)
    sock.bind((address, int(port)))
    sock.settimeout(0.2)
    with open(log, "w", buffering=1) as out:
        while not stopped:
            try:
                data = sock.recv(2048)
            except OSError:
                continue
            out.write("%d %d %d\n" % (*struct.unpack("!QQ", data[:16]), now()))


def udp_send(source, address, port, every_ms):
    sock = socket.socket(family(address), socket.SOCK_DGRAM)
    sock.bind((source, 0))
    start, number = now(), 0
    while not stopped:
        try:
            sock.sendto(struct.pack("!QQ", number, now()) + bytes(48), (address, int(port)))
        except OSError:
            pass  # shows as lost
        number += 1
        time.sleep(max(0, start + number * int(every_ms) * 1000000 - now()) / 1e9)


def read_log(log):
    with open(log) as lines:
        return [tuple(int(x) for x in line.split()) for line in lines if line.endswith("\n")]


def udp_first(log, at_ns, delay_ms):
    at = int(at_ns)
    after = [r for _, _, r in read_log(log) if r > at + float(delay_ms) * 1e6]
    if not after:
        sys.exit("nothing came")
    print("%.1f" % ((min(after) - at) / 1e6))


def udp_report(log):
    rows = read_log(log)
    if not rows:
        sys.exit("nothing came")
    numbers = {n for n, _, _ in rows}
    times = [r for _, _, r in rows]
    gap = max((b - a for a, b in zip(times, times[1:])), default=0)
    print(json.dumps({"received": len(numbers), "lost": max(numbers) - min(numbers) + 1 - len(numbers),
                      "doubled": len(rows) - len(numbers), "longest_gap_ms": round(gap / 1e6, 1)}))


def tcp_echo(address, port):
    server = socket.socket(family(address), socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, int(port)))
    server.listen(8)
    peers = []
    while not stopped:
        for sock in select.select([server] + peers, [], [], 0.2)[0]:
            if sock is server:
                peers.append(server.accept()[0])
                continue
            try:
                data = sock.recv(65536)
                if data:
                    sock.sendall(data)
            except OSError:
                data = b""
            if not data:
                peers.remove(sock)
                sock.close()


def tcp(address, port, every_ms, size):
    every, size = int(every_ms) * 1000000, int(size)
    pattern = bytes(range(251)) * (size // 251 + 2)
    sock = socket.create_connection((address, int(port)), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    start = last = now()
    due, sent, got, gap, pending = start, 0, 0, 0, b""
    broken = ""
    while not stopped and not broken:
        if now() >= due and not pending:
            pending = pattern[sent % 251:sent % 251 + size]
            due += every
        wait = max(0, due - now()) / 1e9
        readable, writable, _ = select.select([sock], [sock] if pending else [], [], min(wait or 0.001, 0.2))
        try:
            if writable:
                n = sock.send(pending)
                sent, pending = sent + n, pending[n:]
            if readable:
                data = sock.recv(65536)
                offset = got % 251
                if not data:
                    broken = "closed by the peer"
                elif data != (bytes(range(251)) * (len(data) // 251 + 2))[offset:offset + len(data)]:
                    broken = "the echo differs"
                gap, last = max(gap, now() - last), now()
                got += len(data)
        except OSError as err:
            broken = str(err)
    print(json.dumps({"bytes": got, "longest_gap_ms": round(gap / 1e6, 1), "since_last_ms": round((now() - last) / 1e6, 1),
                      "broken": broken}), flush=True)
    sys.exit(1 if broken else 0)


signal.signal(signal.SIGTERM, on_signal)
signal.signal(signal.SIGINT, on_signal)
commands = {"udp-recv": udp_recv, "udp-send": udp_send, "udp-first": udp_first, "udp-report": udp_report, "tcp-echo": tcp_echo,
            "tcp": tcp}
if len(sys.argv) < 2 or sys.argv[1] not in commands:
    sys.exit(__doc__)
commands[sys.argv[1]](*sys.argv[2:])
