#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A name server that answers every question for an IPv4 address with 192.0.2.99. usage: dns.py ADDRESS"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((sys.argv[1], 53))
while True:
    query, peer = sock.recvfrom(512)
    if len(query) < 17:
        continue
    end = query.index(b"\0", 12) + 5
    is_a = query[end - 4:end - 2] == b"\0\1"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + bytes([192, 0, 2, 99]) if is_a else b""
    sock.sendto(query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0" + query[12:end] + answer, peer)
