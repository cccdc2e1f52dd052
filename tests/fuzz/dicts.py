#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dictionaries of the fuzz targets, made from the tables of the sources: usage: dicts.py [--check]

Writes tests/fuzz/ENTRY.dict, which libFuzzer and AFL++ read alike. --check: writes nothing; fails where a file is not as it would be.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STATES = ["BIRTH", "ATTACHED", "VOLATILE", "RECOVERING", "DEGRADED", "TERMINATED"]
UNITS = ["ms", "s", "min", "h", "d", "%", "0.20", "1.1", "100ms", "15s", "true", "false", "yes", "no", "udp", "quic", "tcp", "strict",
         "mobile", "fast", "0", "4294967295", "18446744073709551616"]
ADDRESSES = ["0.0.0.0/0", "::/0", "10.80.0.0/24", "fd80::/64", "[2001:db8::1]:4433", "203.0.113.1:4433", "127.0.0.1:9100", "auto", "none"]
KEY = ["ERERERERERERERERERERERERERERERERERERERERERE="]
WG = ["PrivateKey", "Address", "DNS", "MTU", "Table", "PreUp", "PostUp", "PreDown", "PostDown", "SaveConfig", "FwMark", "ListenPort",
      "PublicKey", "PresharedKey", "Endpoint", "AllowedIPs", "PersistentKeepalive"]
EMU = ["at ", "from ", "end", "seed ", "repeat ", "every ", "a->b ", "b->a ", "both ", "delay ", "jitter ", "loss ", "burst ", "reorder ", "by ",
       "duplicate ", "rate ", "queue ", "mtu ", "answer", "silent", "blackhole ", "on", "off", "clear", "20us", "1.5ms", "2s", "3m", "1h", "30%",
       "500ppm", "64kbit", "10mbit", "1gbit", "#"]


def found(path, form):
    """What the form finds in a source; nothing is an error, for then the table has changed its form."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        words = re.findall(form, f.read(), re.M)
    if not words:
        sys.exit("dicts.py: nothing in %s is like %s" % (path, form))
    return words


def tables():
    keys = found("src/conf/config.def", r"^K\(\w+, (\w+),")
    sections = ["[%s]" % s for s in sorted(set(found("src/conf/config.def", r"^K\((\w+),")))]
    fields = found("src/core/policy.def", r"^P\((\w+),")
    policy_keys = found("src/core/policy.def", r"^P\(\w+, \w+, (\w+),")
    policy_sections = sorted(set(found("src/core/policy.def", r"^P\(\w+, (\w+),")))
    events = found("src/core/record.def", r"^EV\((\w+),")
    numbers = found("src/core/record.def", r"^FD\((\w+),")
    whys = found("src/core/reason.def", r"^W\((\w+),")
    members = sorted(set(found("src/core/record_read.c", r'\\"(\w+)\\"')))
    commands = found("src/daemon/ctlreq.c", r'= \{"(\w+)",')
    told = []
    for f in sorted(os.listdir(os.path.join(ROOT, "src", "cli"))):
        with open(os.path.join(ROOT, "src", "cli", f), encoding="utf-8") as text:
            told += re.findall(r'(?:json_object_get|jv_form_member|jv_form_word)\([^,;]*, "(\w+)"', text.read())
    record = ['"%s":' % m for m in members + numbers] + ['"%s"' % w for w in events + whys + STATES] + ["0" * 64]
    yield ["config"], sections + ["%s = " % k for k in keys + policy_keys] + UNITS + ADDRESSES + KEY
    yield ["ini"], sections + ["[", "]", " = ", "=", "#", ";"] + keys[:20]
    yield ["policyfile"], ["version: ", '"1.0"', "- ", "  ", "---", "...", "&a", "*a", "!!int"] + ["%s:" % f for f in policy_sections + fields] + UNITS
    yield ["units"], UNITS + [".", "0.", "00", "1000000", "99.9999%"]
    yield ["wgfile"], ["[Interface]", "[Peer]"] + ["%s = " % k for k in WG] + ADDRESSES + KEY + ["off", "0xca6c", "25", "%i"]
    yield ["emutext"], EMU
    yield ["record", "verify", "auditfile", "chain"], record
    yield ["ctlreq"], ['{"id":1,', '"cmd":', '"sid":', '"path":', '"ms":', '"prefer":', '"cursor":', "}", "u0041"] + ['"%s"' % c for c in commands]
    yield ["reply"], ['"%s":' % m for m in sorted(set(told))] + ['"%s"' % s for s in STATES + ["active", "standby", "silent", "gateway", "client"]] + \
        ["{", "[", "true", "null", "18446744073709551615", "u001b"]


def main():
    is_check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not is_check:
        sys.exit(__doc__)
    wrong = 0
    for entries, words in tables():
        text = "# made by tests/fuzz/dicts.py\n" + "".join('"%s"\n' % w.replace("\\", "\\\\").replace('"', '\\"') for w in dict.fromkeys(words))
        for entry in entries:
            path = os.path.join(ROOT, "tests", "fuzz", entry + ".dict")
            old = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
            if is_check and old != text:
                print("tests/fuzz/%s.dict is not what tests/fuzz/dicts.py makes" % entry)
                wrong += 1
            elif not is_check:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
    return 1 if wrong else 0


sys.exit(main())
