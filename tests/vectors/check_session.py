#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens every datagram of a whole session between two cores by docs/protocol.md alone; prints TAP.

usage: check_session.py PATH_OF_DUMP_SESSION
"""
import json
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
import check_vectors as doc  # noqa: E402
import primitives as p  # noqa: E402

CLIENT, GATEWAY, PSK = b"\x11" * 32, b"\x22" * 32, b"\x44" * 32  # as in tests/harness/pair.c
NAMES = {1: "BIRTH_INIT", 2: "BIRTH_REPLY", 4: "TRAFFIC", 5: "PROBE", 6: "PROBE_REPLY", 7: "REQUEST", 9: "ACK", 11: "HINT"}


def splitmix_bytes(state):
    """The bytes that the harness gives the client's core as its random source."""
    mask = 2**64 - 1
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        yield (z ^ z >> 31) & 0xFF


class Session:
    def __init__(self, entropy_state):
        self.stream, self.drawn = splitmix_bytes(entropy_state), bytearray()
        self.searched = 0
        self.keys, self.sid = {}, None
        self.sealed = {}  # (direction, epoch, counter): the datagram
        self.seen, self.frames = set(), set()
        self.resent = self.packets = 0
        self.requests, self.acked, self.offer = {}, set(), None
        self.orders = set()  # of requests and offers
        self.probed = set()  # lengths
        self.links = {}  # locator: the link of the client that used it

    def find_private(self, public):
        """The private key of the client that belongs to `public`: a draw of 32 bytes, at a multiple of 8."""
        while self.searched < 400000:
            while len(self.drawn) < self.searched + 32:
                self.drawn.append(next(self.stream))
            private = bytes(self.drawn[self.searched:self.searched + 32])
            self.searched += 8
            if p.x25519_public(private) == public:
                return private
        raise AssertionError("no such private key")

    def init(self, msg):
        self.private = self.find_private(msg[16:48])
        assert msg[224:240] == doc.mac(p.blake2s(b"jv1 mac1", p.x25519_public(GATEWAY)), msg[:224])
        given = {"gateway_private": GATEWAY.hex()}
        self.noise, static, payload = doc.read_init(given, msg, self.private)
        assert static == p.x25519_public(CLIENT) and payload[0] == 0b010

    def reply(self, msg):
        noise = self.noise
        noise.mix_ephemeral(msg[16:48])
        noise.mix_key(p.x25519(self.private, msg[16:48]))
        noise.mix_key(p.x25519(CLIENT, msg[16:48]))
        noise.mix_psk(PSK)
        payload = noise.open(msg[48:])
        self.sid = payload[:16]
        assert payload[24] == 1, "AEAD1 was the only suite offered"
        first, second = p.hkdf(noise.ck, b"", 2)
        self.keys[1] = doc.epoch_keys(doc.kdf(first, "jv1 root", second, noise.h, self.sid), self.sid, 1)

    def epoch(self, low_byte):
        return max(n for n in self.keys if n & 0xFF == low_byte)

    def traffic(self, msg, to_client):
        n, counter = self.epoch(msg[1]), int.from_bytes(msg[2:8], "big")
        place = (to_client, n, counter)
        if place in self.sealed:
            assert self.sealed[place] == msg, "a counter was used for two packets"
            self.resent += 1
            return
        self.sealed[place] = msg
        key = self.keys[n]["gateway_to_client" if to_client else "client_to_gateway"]
        text = p.chacha_open(key, bytes(6) + msg[2:8], msg[:16], msg[16:])
        if text[0] >> 4:
            assert text[0] >> 4 in (4, 6)
            self.packets += 1
            return
        for kind, frame in doc.frames(text):
            self.frames.add(kind)
            if kind == 3:
                assert place == (0, 1, counter) and not self.frames - {3, 4}
            elif kind == 5:
                assert frame == self.offer or frame["order"] > max(self.orders, default=0), "an offer has an order number of its own"
                self.offer = frame
                self.orders.add(frame["order"])
            elif kind == 6 and frame["epoch"] not in self.keys:
                self.rekey(frame)
            elif kind == 9:
                assert frame["order"] in self.acked and (frame["next_epoch"], frame["next_counter"]) == (n, counter)
                assert len(msg) >= 112

    def rekey(self, reply):
        n = reply["epoch"]
        assert self.offer["epoch"] == n and self.offer["order"] == reply["order"]
        shared = p.x25519(self.find_private(bytes.fromhex(self.offer["ephemeral_public"])), bytes.fromhex(reply["ephemeral_public"]))
        root = doc.kdf(self.keys[n - 1]["root"], "jv1 rekey", shared, bytes.fromhex(self.offer["random"]), bytes.fromhex(reply["random"]),
                       self.sid, n.to_bytes(8, "big"))
        self.keys[n] = doc.epoch_keys(root, self.sid, n)

    def control(self, kind, msg, to_client):
        assert doc.is_length(kind, len(msg)) and not any(msg[2:8])
        key = doc.kdf(self.keys[self.epoch(msg[1])]["control"], "jv1 datagram", bytes([to_client, kind]), msg[16:32])
        r = doc.Reader(p.chacha_open(key, bytes(12), msg[:32], msg[32:]))
        body = doc.CONTROL[kind](r)
        r.end()
        if kind == 7:
            fresh = body["order"] not in self.orders and body["order"] > max(self.orders, default=0)
            assert fresh or self.requests[body["order"]] == body["random"]
            assert not body["flags"] & 6 or (0, body["hint_epoch"], body["hint_counter"]) in self.sealed
            self.requests[body["order"]] = body["random"]
            self.orders.add(body["order"])
        elif kind in (8, 9, 10):
            assert self.requests[body["order"]] == body["random"]
        if kind == 9:
            self.acked.add(body["order"])
        if kind == 5:
            self.probed.add(len(msg))
        if kind == 6:
            assert len(msg) in self.probed, "an answer is as long as the probe"
            assert struct.unpack(">Q", bytes.fromhex(body["token"])[:8])[0] > 0

    def take(self, to_client, link, msg):
        kind = msg[0] & 0x1F
        assert msg[0] >> 5 == 0b010
        if not to_client and kind != 4:  # traffic that goes again carries the locator of the path before
            assert self.links.setdefault(msg[8:16], link) == link, "a locator was used on two paths"
        self.seen.add(kind)
        if kind == 1:
            self.init(msg)
        elif kind == 2:
            self.reply(msg)
        elif kind == 4:
            self.traffic(msg, to_client)
        else:
            self.control(kind, msg, to_client)


def main():
    run = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True)
    dumped = json.loads(run.stdout)
    session, number, failed = Session(dumped["client_entropy_state"]), 0, 0

    def case(ok, name):
        nonlocal number, failed
        number, failed = number + 1, failed + (not ok)
        print("%s %d - %s" % ("ok" if ok else "not ok", number, name))

    opened = 0
    for to_client, link, text in dumped["datagrams"]:
        try:
            session.take(to_client, link, bytes.fromhex(text))
            opened += 1
        except (AssertionError, p.Forged, KeyError, ValueError) as error:
            print("# %s %s: %s %s" % ("down" if to_client else "up", text[:64], type(error).__name__, error))
            break
    case(opened == len(dumped["datagrams"]), "all of %d datagrams opened" % len(dumped["datagrams"]))
    for kind, name in NAMES.items():
        case(kind in session.seen, "the session has a %s" % name)
    case(session.frames >= {1, 2, 3, 4, 5, 6, 8, 9}, "heartbeats, reports, birth, rekey, end and marks were there")
    case(2 in session.keys, "the second epoch was derived")
    case(len(session.acked) >= 2 and session.packets > 100, "a jump, a rebinding and data: %d packets, %d sent again" % (session.packets, session.resent))
    print("1..%d" % number)
    return 1 if failed else 0


sys.exit(main())
