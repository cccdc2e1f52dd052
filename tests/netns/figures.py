#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the runs of a measurement into a table, and holds them against bounds.

  figures.py table RUNS TITLE [--json] [--by NAME] [--bound 'COLUMN HOW OP NUMBER [where NAME=VALUE]'] ...
      RUNS holds one JSON object a run; TITLE is the command. A row for each number, and for each value of --by: median and worst.
      HOW is median, min, max or sum. Exit status 3 where a bound is broken or there is no run.
  figures.py events FILE EVENT           wall clock in ms of each such record of an audit file
  figures.py within FILE EVENT MS        the most of them within any MS
  figures.py offset                      wall clock minus CLOCK_MONOTONIC, in ms
"""
import argparse
import datetime
import json
import operator
import os
import platform
import statistics
import sys
import time

OPS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "==": operator.eq}
HOW = {"median": statistics.median, "min": min, "max": max, "sum": sum}


def machine():
    model = platform.machine()
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "load": round(os.getloadavg()[0], 2)}


def number(value):
    return "%d" % value if value == int(value) else "%.1f" % value


def columns(runs, by):
    names = []
    for run in runs:
        names += [k for k, v in run.items() if k not in names + [by, "run"] and isinstance(v, (int, float))]
    return names


def rows(runs, by):
    groups = {}
    for run in runs:
        groups.setdefault(run.get(by) if by else None, []).append(run)
    for group, members in groups.items():
        for name in columns(members, by):
            values = [m[name] for m in members if name in m]
            yield {"group": group, "what": name, "runs": len(values), "min": min(values), "median": statistics.median(values),
                   "worst": max(values)}


def broken(runs, text):
    """The bound's text with what was found, or None where it holds."""
    words = text.split()
    chosen = runs
    if "where" in words:
        name, value = words[words.index("where") + 1].split("=", 1)
        chosen = [r for r in runs if str(r.get(name)) == value]
        words = words[:words.index("where")]
    column, how, op, bound = words
    values = [r[column] for r in chosen if column in r]
    if not values:
        return "%s: nothing was measured" % text
    have = HOW[how](values)
    return None if OPS[op](have, float(bound)) else "%s: it is %s" % (text, number(have))


def table(args):
    with open(args.runs) as lines:
        runs = [json.loads(line) for line in lines]
    here = machine()
    found = list(rows(runs, args.by))
    faults = [f for f in (broken(runs, b) for b in args.bound) if f] or ([] if runs else ["no run"])
    if args.json:
        print(json.dumps({"command": args.title, "machine": here, "figures": found, "bounds": args.bound, "broken": faults,
                          "runs": runs}))
    else:
        print("%s\n%s, %d cores, Linux %s, load %s" % (args.title, here["cpu"], here["cores"], here["kernel"], here["load"]))
        print("%-14s %-22s %5s %10s %10s %10s" % (args.by or "", "what", "runs", "min", "median", "worst"))
        for r in found:
            print("%-14s %-22s %5d %10s %10s %10s" % ("" if r["group"] is None else r["group"], r["what"], r["runs"],
                                                      number(r["min"]), number(r["median"]), number(r["worst"])))
        for bound in args.bound:
            fault = broken(runs, bound)
            print("bound  %s" % (bound + ": holds" if fault is None else fault + "  BROKEN"))
    return 3 if faults else 0


def stamps(path, event):
    with open(path, errors="replace") as lines:
        for line in lines:
            if '"event":"%s"' % event in line and line.endswith("\n"):
                at = datetime.datetime.strptime(json.loads(line)["ts"], "%Y-%m-%dT%H:%M:%S.%fZ")
                yield at.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000


def within(path, event, ms):
    at = sorted(stamps(path, event))
    return max((sum(1 for b in at if a <= b < a + ms) for a in at), default=0)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
commands = parser.add_subparsers(dest="command", required=True)
sub = commands.add_parser("table")
sub.add_argument("runs")
sub.add_argument("title")
sub.add_argument("--json", action="store_true")
sub.add_argument("--by")
sub.add_argument("--bound", action="append", default=[])
sub = commands.add_parser("events")
sub.add_argument("file")
sub.add_argument("event")
sub = commands.add_parser("within")
sub.add_argument("file")
sub.add_argument("event")
sub.add_argument("ms", type=float)
commands.add_parser("offset")
options = parser.parse_args()
if options.command == "table":
    sys.exit(table(options))
elif options.command == "events":
    for stamp in stamps(options.file, options.event):
        print("%.3f" % stamp)
elif options.command == "within":
    print(within(options.file, options.event, options.ms))
else:
    print("%.3f" % (time.time() * 1000 - time.monotonic_ns() / 1e6))
