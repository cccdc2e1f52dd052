#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges a trace in the demonstration's dialect ('jv replay FILE --format=demo') by the rules of its two validators.

usage: tests/demo/check_trace.py [--rules replay|continuity|both] FILE
       tests/demo/check_trace.py --self-test

The rules are written here from their description; each is broken on purpose by --self-test.
"""
import json
import sys

FORBIDDEN = {"IDENTITY_RESET", "REKEY", "RENEGOTIATE", "SESSION_RESTART", "HANDSHAKE_RESTART"}


def name_of(event):
    return event.get("event") or event.get("event_type")


def paths_of(event):
    return event.get("from_path") or event.get("from"), event.get("to_path") or event.get("to")


def form(events):
    last = None
    for n, event in enumerate(events, 1):
        if not isinstance(name_of(event), str):
            yield "line %d: no event" % n
        if not isinstance(event.get("session_id"), str) or not event["session_id"]:
            yield "line %d: no session_id" % n
        ts = event.get("ts_ms")
        if not isinstance(ts, int) or isinstance(ts, bool):
            yield "line %d: ts_ms is no integer" % n
        elif last is not None and ts < last:
            yield "line %d: ts_ms goes back" % n
        last = ts if isinstance(ts, int) else last
    if len({event.get("session_id") for event in events}) != 1:
        yield "there is not one session id"


def replay_rules(events):
    yield from form(events)
    for n, event in enumerate(events, 1):
        if name_of(event) == "TERMINATED" or "TERMINATED" in (event.get("state"), event.get("to")):
            yield "line %d: TERMINATED" % n
        if name_of(event) == "TRANSPORT_SWITCH" and not all(paths_of(event)):
            yield "line %d: TRANSPORT_SWITCH without both paths" % n
        if event.get("check") == "NO_DUAL_ACTIVE_BINDING" and event.get("result") != "PASS":
            yield "line %d: NO_DUAL_ACTIVE_BINDING is not PASS" % n
    if not any(event.get("check") == "NO_DUAL_ACTIVE_BINDING" for event in events):
        yield "NO_DUAL_ACTIVE_BINDING was not checked"
    for wanted in ("SESSION_CREATED", "VOLATILITY_SIGNAL", "TRANSPORT_SWITCH"):
        if not any(name_of(event) == wanted for event in events):
            yield "there is no %s" % wanted
    changes = [e for e in events if name_of(e) == "STATE_CHANGE"]
    if not any((e.get("from"), e.get("to")) == ("ATTACHED", "VOLATILE") for e in changes):
        yield "there is no STATE_CHANGE from ATTACHED to VOLATILE"
    if not any((e.get("to"), e.get("reason")) == ("ATTACHED", "RECOVERY_COMPLETE") for e in changes):
        yield "there is no STATE_CHANGE to ATTACHED with RECOVERY_COMPLETE"


def continuity_rules(events):
    yield from form(events)
    if sum(name_of(event) == "SESSION_CREATED" for event in events) != 1:
        yield "there is not one SESSION_CREATED"
    last = None
    for n, event in enumerate(events, 1):
        version = event.get("state_version")
        if not isinstance(version, int):
            yield "line %d: no state_version" % n
        elif last is not None and version < last:
            yield "line %d: state_version goes back" % n
        last = version if isinstance(version, int) else last
        if name_of(event) in FORBIDDEN:
            yield "line %d: %s" % (n, name_of(event))
        if name_of(event) == "AUDIT_EVENT" and event.get("result") != "PASS":
            yield "line %d: AUDIT_EVENT is not PASS" % n


def chain_rules(events):
    """Ours: each change begins where the one before ended and adds 1 to the version."""
    state, version = "ATTACHED", 0
    for n, event in enumerate(events, 1):
        if name_of(event) != "STATE_CHANGE":
            continue
        if event.get("from") != state:
            yield "line %d: from %s, the trace was in %s" % (n, event.get("from"), state)
        if event.get("state_version") != version + 1:
            yield "line %d: version %s after %d" % (n, event.get("state_version"), version)
        state, version = event.get("to"), version + 1


RULES = {"replay": [replay_rules], "continuity": [continuity_rules],
         "both": [replay_rules, continuity_rules, chain_rules]}


def faults(events, which):
    if not events:
        return ["the trace is empty"]
    return [fault for rules in RULES[which] for fault in rules(events)]


def read(path):
    events = []
    for n, line in enumerate(open(path, encoding="utf-8"), 1):
        try:
            event = json.loads(line)
        except ValueError as error:
            sys.exit("%s:%d: %s" % (path, n, error))
        if not isinstance(event, dict):
            sys.exit("%s:%d: no object" % (path, n))
        events.append(event)
    return events


def good():
    rows = [
        dict(event="SESSION_CREATED", state="ATTACHED", state_version=0),
        dict(event="VOLATILITY_SIGNAL", reason="HEARTBEAT_TIMEOUT", state_version=0),
        dict(event="STATE_CHANGE", **{"from": "ATTACHED"}, to="VOLATILE", state_version=1),
        dict(event="STATE_CHANGE", **{"from": "VOLATILE"}, to="REATTACHING", state_version=2),
        dict(event="TRANSPORT_SWITCH", from_path="a/udp", to_path="b/udp", state_version=2),
        dict(event="AUDIT_EVENT", check="NO_DUAL_ACTIVE_BINDING", result="PASS", state_version=2),
        dict(event="STATE_CHANGE", **{"from": "REATTACHING"}, to="RECOVERING", state_version=3),
        dict(event="STATE_CHANGE", **{"from": "RECOVERING"}, to="ATTACHED", reason="RECOVERY_COMPLETE", state_version=4),
    ]
    return [dict(row, ts_ms=1000 + 10 * n, session_id="3f9c") for n, row in enumerate(rows)]


def self_test():
    def change(line, **members):
        trace = good()
        trace[line].update(members)
        return trace

    def drop(line):
        trace = good()
        del trace[line]
        return trace

    cases = [
        ("both", good(), None),
        ("replay", [], "empty"),
        ("replay", change(3, ts_ms=1), "ts_ms goes back"),
        ("replay", change(3, ts_ms=1.5), "ts_ms is no integer"),
        ("replay", change(3, session_id="88d0"), "one session id"),
        ("replay", change(3, session_id=""), "no session_id"),
        ("replay", change(7, to="TERMINATED"), "TERMINATED"),
        ("replay", change(4, to_path=None), "without both paths"),
        ("replay", change(5, result="FAIL"), "not PASS"),
        ("replay", drop(5), "was not checked"),
        ("replay", drop(0), "no SESSION_CREATED"),
        ("replay", drop(1), "no VOLATILITY_SIGNAL"),
        ("replay", drop(4), "no TRANSPORT_SWITCH"),
        ("replay", drop(2), "from ATTACHED to VOLATILE"),
        ("replay", change(7, reason="REATTACH_SUCCESS"), "with RECOVERY_COMPLETE"),
        ("replay", change(3, event=None), "no event"),
        ("continuity", good() + change(0, ts_ms=2000, state_version=9)[:1], "not one SESSION_CREATED"),
        ("continuity", change(6, state_version=0), "state_version goes back"),
        ("continuity", change(6, state_version=None), "no state_version"),
        ("continuity", change(3, event="REKEY"), "REKEY"),
        ("continuity", change(5, result=None), "AUDIT_EVENT is not PASS"),
        ("both", change(3, to="VOLATILE"), "the trace was in"),
        ("both", change(7, state_version=5), "after 3"),
    ]
    for n, (which, trace, wanted) in enumerate(cases, 1):
        found = faults(trace, which)
        if (wanted is None) != (not found) or (wanted and not any(wanted in fault for fault in found)):
            print("not ok %d - wanted %s, found %s" % (n, wanted, found))
            return 1
    print("check_trace: %d cases" % len(cases))
    return 0


def main(args):
    if args == ["--self-test"]:
        return self_test()
    which = "both"
    if args[:1] == ["--rules"] and len(args) == 3 and args[1] in RULES:
        which, args = args[1], args[2:]
    if len(args) != 1 or args[0].startswith("-"):
        sys.exit(__doc__)
    events = read(args[0])
    found = faults(events, which)
    print("\n".join(found) if found else "ok: %d events" % len(events))
    return 1 if found else 0


sys.exit(main(sys.argv[1:]))
