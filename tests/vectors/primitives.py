# SPDX-License-Identifier: Apache-2.0
"""X25519, ChaCha20-Poly1305 and AES-256-GCM straight from their documents: slow, not constant in time, for checking vectors only."""
import hashlib
import hmac
import struct


class Forged(Exception):
    pass


# ---- RFC 7748 ----

P25519 = 2**255 - 19


def x25519(scalar, u):
    k = bytearray(scalar)
    k[0] &= 248
    k[31] = (k[31] & 127) | 64
    k = int.from_bytes(k, "little")
    x1 = int.from_bytes(u, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b = (x2 + z2) % P25519, (x2 - z2) % P25519
        aa, bb = a * a % P25519, b * b % P25519
        e = (aa - bb) % P25519
        c, d = (x3 + z3) % P25519, (x3 - z3) % P25519
        da, cb = d * a % P25519, c * b % P25519
        x3, z3 = (da + cb) ** 2 % P25519, x1 * (da - cb) ** 2 % P25519
        x2, z2 = aa * bb % P25519, e * (aa + 121665 * e) % P25519
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P25519 - 2, P25519) % P25519).to_bytes(32, "little")


def x25519_public(scalar):
    return x25519(scalar, (9).to_bytes(32, "little"))


# ---- RFC 8439 ----

MASK32 = 0xFFFFFFFF


def _quarter(s, a, b, c, d):
    for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & MASK32
        s[z] ^= s[x]
        s[z] = (s[z] << n | s[z] >> (32 - n)) & MASK32


def _chacha_block(key, counter, nonce):
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8L", key), counter, *struct.unpack("<3L", nonce)]
    s = list(start)
    for _ in range(10):
        for i in range(4):
            _quarter(s, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            _quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16L", *((a + b) & MASK32 for a, b in zip(s, start)))


def _chacha(key, counter, nonce, data):
    out = bytearray()
    for i in range(0, len(data), 64):
        block = _chacha_block(key, counter + i // 64, nonce)
        out += bytes(a ^ b for a, b in zip(data[i:i + 64], block))
    return bytes(out)


def _poly1305(key, msg):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    acc = 0
    for i in range(0, len(msg), 16):
        acc = (acc + int.from_bytes(msg[i:i + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((acc + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def _pad16(data):
    return data + bytes(-len(data) % 16)


def chacha_tag(key, nonce, ad, sealed):
    lengths = struct.pack("<QQ", len(ad), len(sealed))
    return _poly1305(_chacha_block(key, 0, nonce)[:32], _pad16(ad) + _pad16(sealed) + lengths)


def chacha_seal(key, nonce, ad, text):
    sealed = _chacha(key, 1, nonce, text)
    return sealed + chacha_tag(key, nonce, ad, sealed)


def chacha_open(key, nonce, ad, sealed):
    text, tag = sealed[:-16], sealed[-16:]
    if not hmac.compare_digest(chacha_tag(key, nonce, ad, text), tag):
        raise Forged("ChaCha20-Poly1305")
    return _chacha(key, 1, nonce, text)


# ---- FIPS 197 and SP 800-38D ----


def _xtime(a):
    return (a << 1 ^ (0x11B if a & 0x80 else 0)) & 0xFF


def _make_sbox():
    log, exp, x = [0] * 256, [0] * 256, 1
    for i in range(255):
        exp[i], log[x] = x, i
        x ^= _xtime(x)
    box = []
    for i in range(256):
        inverse = exp[(255 - log[i]) % 255] if i else 0
        s = inverse
        for n in range(1, 5):
            s ^= (inverse << n | inverse >> (8 - n)) & 0xFF
        box.append(s ^ 0x63)
    return box


SBOX = _make_sbox()


def _aes_expand(key):
    words, rcon = [key[i:i + 4] for i in range(0, 32, 4)], 1
    for i in range(8, 60):
        w = words[-1]
        if i % 8 == 0:
            w = bytes(SBOX[b] for b in w[1:] + w[:1])
            w, rcon = bytes([w[0] ^ rcon]) + w[1:], _xtime(rcon)
        elif i % 8 == 4:
            w = bytes(SBOX[b] for b in w)
        words.append(bytes(a ^ b for a, b in zip(words[i - 8], w)))
    return [b"".join(words[i:i + 4]) for i in range(0, 60, 4)]


def _aes_block(keys, block):
    s = bytes(a ^ b for a, b in zip(block, keys[0]))
    for number, key in enumerate(keys[1:], 1):
        s = bytes(SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16))
        if number < 14:
            mixed = bytearray()
            for c in range(0, 16, 4):
                a = s[c:c + 4]
                whole = a[0] ^ a[1] ^ a[2] ^ a[3]
                mixed += bytes(a[i] ^ whole ^ _xtime(a[i] ^ a[(i + 1) % 4]) for i in range(4))
            s = bytes(mixed)
        s = bytes(a ^ b for a, b in zip(s, key))
    return s


def _ghash(h, data):
    y = 0
    for i in range(0, len(data), 16):
        y ^= int.from_bytes(data[i:i + 16], "big")
        z, v = 0, h
        for bit in range(127, -1, -1):
            if y >> bit & 1:
                z ^= v
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        y = z
    return y


def aes_gcm_open(key, nonce, ad, sealed):
    keys = _aes_expand(key)
    text, tag = sealed[:-16], sealed[-16:]
    h = int.from_bytes(_aes_block(keys, bytes(16)), "big")
    lengths = struct.pack(">QQ", 8 * len(ad), 8 * len(text))
    s = _ghash(h, _pad16(ad) + _pad16(text) + lengths)
    mask = int.from_bytes(_aes_block(keys, nonce + struct.pack(">L", 1)), "big")
    if not hmac.compare_digest((s ^ mask).to_bytes(16, "big"), tag):
        raise Forged("AES-256-GCM")
    out = bytearray()
    for i in range(0, len(text), 16):
        block = _aes_block(keys, nonce + struct.pack(">L", 2 + i // 16))
        out += bytes(a ^ b for a, b in zip(text[i:i + 16], block))
    return bytes(out)


# ---- RFC 7693, RFC 2104, Noise section 4.3 ----


def blake2s(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def blake2s_keyed(key, length, *parts):
    return hashlib.blake2s(b"".join(parts), key=key, digest_size=length).digest()


def hmac_blake2s(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.blake2s).digest()


def hkdf(chaining_key, material, outputs):
    temp = hmac_blake2s(chaining_key, material)
    made, last = [], b""
    for i in range(1, outputs + 1):
        last = hmac_blake2s(temp, last, bytes([i]))
        made.append(last)
    return made


def self_test():
    """One published value of each: RFC 7748 section 5.2, RFC 8439 section 2.8.2, the GCM specification's test case 16, RFC 7693 appendix B."""
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    u = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert x25519(scalar, u).hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    key = bytes(range(0x80, 0xA0))
    nonce = bytes.fromhex("070000004041424344454647")
    ad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    sealed = chacha_seal(key, nonce, ad, text)
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691" and chacha_open(key, nonce, ad, sealed) == text
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    sealed = bytes.fromhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
                           "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b")
    ad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    assert aes_gcm_open(key, bytes.fromhex("cafebabefacedbaddecaf888"), ad, sealed).hex().startswith("d9313225f88406e5a55909c5aff5269a")
    assert blake2s(b"abc").hex() == "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
