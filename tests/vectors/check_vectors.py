#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Derives every key and opens every message of tests/vectors/*.json by docs/protocol.md alone, in plain Python; prints TAP.

It shares nothing with the programs: if it agrees with them, the document says what they do.
"""
import json
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
import primitives as p  # noqa: E402  (the line before belongs to it)

HERE = os.path.dirname(os.path.abspath(__file__))
ZERO_NONCE = bytes(12)


def load(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return json.load(f)


def unhex(text):
    return bytes.fromhex(text)


# ---- protocol.md, "Key derivation", "Header" ----


def kdf(key, label, *context):
    return p.blake2s_keyed(key, 32, bytes([len(label)]), label.encode(), *context)


def mac(key, *parts):
    return p.blake2s_keyed(key, 16, *parts)


def header(kind, epoch, counter, locator):
    return bytes([1 << 6 | kind, epoch & 0xFF]) + counter.to_bytes(6, "big") + locator


# ---- decoding: a cursor, and the parts of messages ----


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data), "too short"
        self.at += n
        return self.data[self.at - n:self.at]

    def num(self, n):
        return int.from_bytes(self.take(n), "big")

    def zero(self, n):
        assert not any(self.take(n)), "reserved bytes are not zero"

    def end(self):
        assert self.at == len(self.data), "bytes left over"


def address_ok(family, address):
    assert family in (0, 4, 6) and not any(address[{0: 0, 4: 4, 6: 16}[family]:])


def endpoint(r):
    family = r.num(1)
    r.zero(1)
    port, address = r.num(2), r.take(16)
    address_ok(family, address)
    return {"family": family, "port": port, "address": address.hex()}


def ip(r):
    family, address = r.num(1), r.take(16)
    address_ok(family, address)
    return {"family": family, "address": address.hex()}


def prefix(r):
    out = ip(r)
    out["bits"] = r.num(1)
    assert out["bits"] <= {0: 0, 4: 32, 6: 128}[out["family"]]
    return out


def report(r):
    out = {"epoch": r.num(8), "highest": r.num(6), "received": r.num(6)}
    count = r.num(1)
    r.zero(3)
    gaps = [[r.num(6), r.num(6)] for _ in range(16)]
    assert count <= 16 and not any(a or b for a, b in gaps[count:])
    assert all(a <= b < out["highest"] for a, b in gaps[:count])
    out["gaps"] = gaps[:count]
    return out


def spares(r, count):
    places = [r.take(8) for _ in range(8)]
    assert count <= 8 and all((i < count) == any(x) for i, x in enumerate(places))
    return [x.hex() for x in places[:count]]


def policy_fields():
    """The names in the order of the table in docs/protocol.md."""
    with open(os.path.join(HERE, "..", "..", "docs", "protocol.md"), encoding="utf-8") as f:
        table = f.read().split("<!-- policy fields -->")[1].split("<!-- end -->")[0]
    return re.findall(r"^\| \d+ \| `(\w+)`", table, flags=re.M)


def policy(r):
    names = policy_fields()
    assert r.num(1) == len(names)
    return {name: r.num(4) for name in names}


# ---- protocol.md, "Control datagrams" ----


def probe(r):
    out = {"time_us": r.num(8), "order_spent": r.num(8)}
    r.zero(56)
    r.zero(len(r.data) - r.at)
    return out


def probe_reply(r):
    out = {"time_us": r.num(8), "token": r.take(24).hex(), "observed": endpoint(r), "state": r.num(1), "is_bound": r.num(1)}
    r.zero(10)
    out["version"] = r.num(8)
    r.zero(len(r.data) - r.at)
    return out


def request(r):
    out = {"order": r.num(8), "version": r.num(8), "random": r.take(16).hex(), "token": r.take(24).hex(), "hint_epoch": r.num(8),
           "hint_counter": r.num(6), "gateway_time_ms": r.num(8), "protocol": r.num(1), "path_id": r.num(1), "flags": r.num(1),
           "why": r.num(1), "target": endpoint(r)}
    assert out["flags"] <= 7 and out["flags"] & 6 != 6, "flags of REQUEST"
    out["size"] = r.num(2)
    r.zero(32)
    return out | {"report": report(r)}


def challenge(r):
    out = {"order": r.num(8), "random": r.take(16).hex(), "token": r.take(24).hex(), "last_order": r.num(8), "version": r.num(8),
           "observed": endpoint(r)}
    r.zero(4)
    return out


def ack(r):
    out = {"order": r.num(8), "random": r.take(16).hex(), "version": r.num(8), "state": r.num(1), "path_id": r.num(1),
           "is_move": r.num(1)}
    count = r.num(1)
    out |= {"token": r.take(24).hex(), "observed": endpoint(r), "locator": r.take(8).hex(), "next_epoch": r.num(8),
            "next_counter": r.num(6)}
    r.zero(18)
    return out | {"spares": spares(r, count), "report": report(r)}


def reject(r):
    out = {"order": r.num(8), "random": r.take(16).hex(), "why": r.num(1), "path_id": r.num(1)}
    r.zero(2)
    return out | {"retry_after_ms": r.num(4), "version": r.num(8), "last_order": r.num(8)}


def hint(r):
    out = {"token": r.take(24).hex(), "epoch": r.num(8), "counter": r.num(6)}
    r.zero(2)
    out["observed"] = endpoint(r)
    r.zero(4)
    return out


CONTROL = {5: probe, 6: probe_reply, 7: request, 8: challenge, 9: ack, 10: reject, 11: hint}
BODY_BYTES = {5: 72, 6: 72, 7: 352, 8: 88, 9: 400, 10: 48, 11: 64}

# ---- protocol.md, "Frames" ----


def rekey(r):
    return {"epoch": r.num(8), "order": r.num(8), "ephemeral_public": r.take(32).hex(), "random": r.take(16).hex()}


def report_frame(r):
    return {"report": report(r), "echo_us": r.num(8), "hold_us": r.num(4), "state": r.num(1), "version": r.num(8),
            "order_spent": r.num(8), "gateway_time_ms": r.num(8)}


def birth_ack(r):
    out = {"version": r.num(8), "policy": policy(r), "address4": prefix(r), "address6": prefix(r),
           "gateway4": ip(r), "gateway6": ip(r), "mtu": r.num(2), "gateway_time_ms": r.num(8)}
    out["nets"] = [prefix(r) for _ in range(r.num(1))]
    out["dns"] = [ip(r) for _ in range(r.num(1))]
    out["endpoints"] = [{"endpoint": endpoint(r), "key": r.take(32).hex()} for _ in range(r.num(1))]
    assert len(out["nets"]) <= 8 and len(out["dns"]) <= 4 and len(out["endpoints"]) <= 8
    out["spares"] = spares(r, r.num(1))
    return out


def policy_frame(r):
    return {"n": r.num(4), "policy": policy(r)}


FRAMES = {
    1: lambda r: {"time_us": r.num(8)},
    2: report_frame,
    3: lambda r: {"path_id": r.num(1), "policy": policy(r)},
    4: birth_ack,
    5: rekey,
    6: rekey,
    7: lambda r: {},
    8: lambda r: {"why": r.num(1)},
    9: lambda r: {"order": r.num(8), "next_epoch": r.num(8), "next_counter": r.num(6)},
    10: policy_frame,
    11: policy_frame,
    12: lambda r: {},
    13: lambda r: {"n": r.num(4), "for_ms": r.num(4)},
    14: lambda r: {"time_us": r.num(8), "bytes": r.num(2)},
}


def frames(text):
    r, found = Reader(text), []
    while r.at < len(r.data):
        kind = r.num(1)
        if kind == 0:
            r.zero(len(r.data) - r.at)
            break
        body = Reader(r.take(r.num(2)))
        found.append((kind, FRAMES[kind](body)))
        body.end()
    return found


# ---- protocol.md, "Birth" ----


class Noise:
    """Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s, both sides at once: the vectors give both sides' private keys."""

    def __init__(self, prologue, responder_public):
        self.h = self.ck = p.blake2s(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
        self.mix_hash(prologue)
        self.mix_hash(responder_public)
        self.k, self.n = None, 0

    def mix_hash(self, data):
        self.h = p.blake2s(self.h, data)

    def mix_key(self, data):
        self.ck, self.k = p.hkdf(self.ck, data, 2)
        self.n = 0

    def mix_ephemeral(self, public):
        self.mix_hash(public)
        self.mix_key(public)

    def mix_psk(self, psk):
        self.ck, temp, self.k = p.hkdf(self.ck, psk, 3)
        self.mix_hash(temp)
        self.n = 0

    def open(self, sealed):
        text = p.chacha_open(self.k, struct.pack("<LQ", 0, self.n), self.h, sealed)
        self.n += 1
        self.mix_hash(sealed)
        return text


def read_init(v, msg, ephemeral_private):
    """What the gateway reads: Noise state, client's static key, payload."""
    gateway, e = unhex(v["gateway_private"]), msg[16:48]
    assert e == p.x25519_public(ephemeral_private)
    noise = Noise(b"jumping-vpn/1" + msg[:16], p.x25519_public(gateway))
    noise.mix_ephemeral(e)
    noise.mix_key(p.x25519(gateway, e))
    static = noise.open(msg[48:96])
    noise.mix_key(p.x25519(gateway, static))
    return noise, static, noise.open(msg[96:224])


def check_payload(payload, prior, cookie):
    r = Reader(payload)
    assert len(payload) == 112 and r.num(1) == 0b110
    assert r.num(1) == 0, "features offered"
    r.zero(6)
    assert r.take(16) == prior and r.take(16) == cookie
    r.zero(72)
    r.end()


def birth():
    """Gives root[1] and the session id."""
    v = load("birth.json")
    init, reply = unhex(v["init"]), unhex(v["reply"])
    public = p.x25519_public(unhex(v["gateway_private"]))
    assert public.hex() == v["gateway_public"]
    mac1_key, cookie_key = p.blake2s(b"jv1 mac1", public), p.blake2s(b"jv1 cookie", public)
    assert mac1_key.hex() == v["mac1_key"] and cookie_key.hex() == v["cookie_key"]
    assert len(init) == 256 and init[:16] == header(1, 0, 1 << 32, unhex(v["client_locator"]))
    assert init[224:240] == mac(mac1_key, init[:224]) and init[240:] == bytes(16)
    noise, static, payload = read_init(v, init, unhex(v["client_ephemeral_private"]))
    assert static == p.x25519_public(unhex(v["client_private"]))
    check_payload(payload, unhex(v["prior"]), bytes(16))
    # Message 2
    assert len(reply) == 96 and reply[:16] == header(2, 0, 0, unhex(v["client_locator"]))
    e2, private = reply[16:48], unhex(v["client_ephemeral_private"])
    assert e2 == p.x25519_public(unhex(v["gateway_ephemeral_private"]))
    noise.mix_ephemeral(e2)
    noise.mix_key(p.x25519(private, e2))
    noise.mix_key(p.x25519(unhex(v["client_private"]), e2))
    noise.mix_psk(unhex(v["psk"]))
    r = Reader(noise.open(reply[48:]))
    sid = r.take(16)
    assert sid.hex() == v["session_id"] and r.take(8).hex() == v["locator"] and r.num(1) == v["suite"]
    assert r.num(1) == 0, "features"
    r.zero(6)
    r.end()
    first, second = p.hkdf(noise.ck, b"", 2)
    assert first.hex() == v["split_first"] and second.hex() == v["split_second"] and noise.h.hex() == v["handshake_hash"]
    check_cookie(v, init[224:240], mac1_key, cookie_key)
    return kdf(first, "jv1 root", second, noise.h, sid), sid


def check_cookie(v, mac1, mac1_key, cookie_key):
    c = v["cookie"]
    source, msg, again = c["source"], unhex(c["message"]), unhex(c["second_init"])
    made = mac(unhex(c["gateway_secret"]), bytes([source["family"]]), unhex(source["address"]), source["port"].to_bytes(2, "big"))
    assert len(msg) == 64 and msg[:16] == header(3, 0, 0, unhex(v["client_locator"]))
    cookie = p.chacha_open(kdf(cookie_key, "jv1 cookie", msg[16:32], mac1), ZERO_NONCE, mac1, msg[32:])
    assert cookie == made and cookie.hex() == c["cookie"]
    assert again[224:240] == mac(mac1_key, again[:224]) and again[240:] == mac(cookie, again[:240])
    payload = read_init(v, again, unhex(c["second_ephemeral_private"]))[2]
    check_payload(payload, unhex(v["prior"]), cookie)


# ---- protocol.md, "Key schedule" ----


def epoch_keys(root, sid, n):
    n_be = n.to_bytes(8, "big")
    resume = kdf(root, "jv1 resume", sid, n_be)
    return {"root": root, "resume": resume, "control": kdf(resume, "jv1 control", sid, n_be),
            "client_to_gateway": kdf(root, "jv1 client to gateway", sid, n_be),
            "gateway_to_client": kdf(root, "jv1 gateway to client", sid, n_be)}


def schedule(root, sid):
    """The keys by epoch."""
    v = load("keys.json")
    gateway_public = p.x25519_public(unhex(v["gateway_ephemeral_private"]))
    shared = p.x25519(unhex(v["client_ephemeral_private"]), gateway_public)
    second = kdf(root, "jv1 rekey", shared, unhex(v["client_random"]), unhex(v["gateway_random"]), sid, (2).to_bytes(8, "big"))
    keys = {1: epoch_keys(root, sid, 1), 2: epoch_keys(second, sid, 2)}
    for given in v["epochs"]:
        for name, value in keys[given["epoch"]].items():
            assert value.hex() == given[name], "%s of epoch %d" % (name, given["epoch"])
    return keys


def check_token(t):
    packed = b"".join(bytes([t[e]["family"], 0]) + t[e]["port"].to_bytes(2, "big") + unhex(t[e]["address"]) for e in ("remote", "local"))
    time = t["time_ms"].to_bytes(8, "big")
    tag = mac(unhex(t["gateway_secret"]), unhex(t["session_id"]), packed, bytes([t["protocol"]]), time,
              t["hint_epoch"].to_bytes(8, "big"), t["hint_counter"].to_bytes(6, "big"))
    assert unhex(t["token"]) == time + tag


def is_length(kind, length):
    """Probes may be longer, by zeroes."""
    whole = 48 + BODY_BYTES[kind]
    return whole <= length <= 1832 if kind in (5, 6) else length == whole


def check_datagram(d, keys, locator):
    msg, kind = unhex(d["datagram"]), d["type"]
    assert msg[:16] == header(kind, d["epoch"], 0, locator) and is_length(kind, len(msg))
    key = kdf(keys[d["epoch"]]["control"], "jv1 datagram", bytes([d["to_client"], kind]), msg[16:32])
    assert key.hex() == d["one_time_key"]
    body = p.chacha_open(key, ZERO_NONCE, msg[:32], msg[32:])
    assert body.hex() == d["body"]
    r = Reader(body)
    found = CONTROL[kind](r)
    r.end()
    assert found == d["fields"], "%s: %s" % (d["name"], found)


def check_packet(d, keys, locator):
    msg = unhex(d["datagram"])
    assert msg[:16] == header(4, d["epoch"], d["counter"], locator)
    key = keys[d["epoch"]]["gateway_to_client" if d["to_client"] else "client_to_gateway"]
    nonce = bytes(6) + d["counter"].to_bytes(6, "big")
    opened = (p.chacha_open if d["suite"] == 1 else p.aes_gcm_open)(key, nonce, msg[:16], msg[16:])
    assert opened.hex() == d["text"]
    if opened[0] >> 4 == 0:
        assert frames(opened)


def check_frame(f):
    found = frames(unhex(f["bytes"]))
    assert found == [(f["type"], f["fields"])], "%s: %s" % (f["name"], found)


def main():
    number = failed = 0

    def case(name, check, *args):
        nonlocal number, failed
        number += 1
        try:
            result, word = check(*args), "ok"
        except (AssertionError, p.Forged, KeyError) as error:
            result, word = None, "not ok"
            failed += 1
            print("# %s: %s" % (type(error).__name__, error))
        print("%s %d - %s" % (word, number, name))
        return result

    case("primitives agree with their documents", p.self_test)
    began = case("birth: messages, MACs, cookie", birth)
    keys = case("key schedule of both epochs", schedule, *began) if began else None
    if keys:
        control, traffic = load("control.json"), load("traffic.json")
        for name in ("path_token", "hint_token"):
            case(name, check_token, control[name])
        for d in control["datagrams"]:
            case("control %s, epoch %d" % (d["name"], d["epoch"]), check_datagram, d, keys, unhex(control["locator"]))
        for f in traffic["frames"]:
            case("frame %s" % f["name"], check_frame, f)
        for d in traffic["packets"]:
            case("packet %s, suite %d, epoch %d" % (d["name"], d["suite"], d["epoch"]), check_packet, d, keys, unhex(traffic["locator"]))
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
