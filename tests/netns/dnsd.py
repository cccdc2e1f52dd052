#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A name server for tests: answers A and AAAA from a text file that is read anew for each question.

usage: dnsd.py ADDRESS ZONEFILE LOGFILE

A line of the zone: NAME A|AAAA ADDRESS TTL, or NAME A|AAAA silent, which leaves that question unanswered. A name without any line does
not exist. Each question is one line of the log: NAME TYPE CLIENT.
"""
import ipaddress
import socket
import struct
import sys

TYPES = {1: "A", 28: "AAAA"}


def question(data):
    labels, at = [], 12
    while data[at] != 0:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels).lower(), struct.unpack_from(">H", data, at + 1)[0], data[12:at + 5]


def answer(data, zone):
    name, kind, asked = question(data)
    lines = [line.split() for line in open(zone, encoding="ascii") if line.split()[:1] == [name]]
    mine = [line for line in lines if line[1] == TYPES.get(kind)]
    if any(line[2] == "silent" for line in mine):
        return name, kind, None
    records = b""
    for _, _, address, ttl in mine:
        packed = ipaddress.ip_address(address).packed
        records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, int(ttl), len(packed)) + packed
    flags = 0x8580 | (0 if lines else 3)
    return name, kind, data[:2] + struct.pack(">HHHHH", flags, 1, len(mine), 0, 0) + asked + records


def main():
    address, zone, log = sys.argv[1:]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, 53))
    while True:
        data, client = sock.recvfrom(2048)
        try:
            name, kind, reply = answer(data, zone)
        except (IndexError, UnicodeDecodeError, struct.error):
            continue  # no question
        with open(log, "a", encoding="ascii") as out:
            out.write("%s %s %s\n" % (name, TYPES.get(kind, kind), client[0]))
        if reply is not None:
            sock.sendto(reply, client)


main()
