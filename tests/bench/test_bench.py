#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the runner of bench/ writes and makes of it, from a committed sample. No network, no clock. Prints TAP.

usage: test_bench.py [--write]      --write: renew sample.md, the report of sample.jsonl
"""
import contextlib
import copy
import io
import json
import os
import subprocess
import sys
import tempfile
import types

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench", "runner"), os.path.join(ROOT, "bench", "yard", "peers")]
import bins  # noqa: E402
import harness  # noqa: E402
import jump  # noqa: E402
import parts  # noqa: E402
import report  # noqa: E402
import schema  # noqa: E402
import tunnel  # noqa: E402
from tables import Rows  # noqa: E402

SAMPLE = os.path.join(HERE, "sample.jsonl")


def sample():
    rows, errors = schema.check_lines(SAMPLE)
    assert not errors, errors[:3]
    return rows


def markdown(*options):
    o = types.SimpleNamespace(files=[SAMPLE], markdown="--markdown" in options, goals="--goals" in options, into=None, plot=None,
                              format="svg", all_rounds=True)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = report.main(o)
    return out.getvalue(), status


def damages(row):
    """(what, damaged copy) of every way to be wrong that the schema must notice."""
    def damaged(change):
        d = copy.deepcopy(row)
        change(d)
        return d
    for name in ("schema", "run_id", "scenario", "peer", "round", "policy_version", "environment", "events", "summary"):
        yield "no " + name, damaged(lambda d: d.pop(name))
    for name in row["environment"]:
        if name not in ("cpu_flags", "tsc_mhz"):
            yield "environment without " + name, damaged(lambda d: d["environment"].pop(name))
    for name in ("loss_pct", "latency_ms", "jitter_ms"):
        yield "profile without " + name, damaged(lambda d: d["environment"]["network_profile"].pop(name))
    yield "a member that is not known", damaged(lambda d: d.update(speed=1))
    yield "a member of the environment that is not known", damaged(lambda d: d["environment"].update(host="x"))
    yield "another schema", damaged(lambda d: d.update(schema="jv-bench-2"))
    yield "more loss than all", damaged(lambda d: d["environment"]["network_profile"].update(loss_pct=101))
    yield "negative latency", damaged(lambda d: d["environment"]["network_profile"].update(latency_ms=-1))
    yield "a round that is no number", damaged(lambda d: d.update(round="1"))
    yield "a round that is true", damaged(lambda d: d.update(round=True))
    yield "a scenario that is not known", damaged(lambda d: d.update(scenario="tunnel"))
    yield "a date that is none", damaged(lambda d: d["environment"].update(date="yesterday"))
    yield "a commit that is none", damaged(lambda d: d["environment"].update(commit="main"))
    yield "negative throughput", damaged(lambda d: d["summary"].update(gbps=-0.1))
    yield "an event without a session", damaged(lambda d: d.update(events=[{"ts_ms": 1, "event_type": "x"}]))
    yield "an event that is a text", damaged(lambda d: d.update(events=["x"]))
    yield "an empty error", damaged(lambda d: d.update(error=""))
    yield "a series of texts", damaged(lambda d: d.update(series={"bin_ms": 10, "start_ms": 0, "columns": {"tunnel_gbps": ["1"]}}))


def schema_takes_the_sample():
    rows = sample()
    assert {r["scenario"] for r in rows} >= {"micro", "tunnel.start", "tunnel.tcp", "tunnel.ping", "tunnel.load_ping", "tunnel.pps",
                                             "tunnel.memory", "jump.probing", "jump.switch", "sessions", "profile"}


def schema_refuses_what_is_wrong():
    row = next(r for r in sample() if r["scenario"] == "tunnel.tcp" and r["peer"] == "jv")
    s = schema.load()
    assert schema.check(row, s) == []
    missed = [what for what, d in damages(row) if not schema.check(d, s)]
    assert not missed, missed


def schema_agrees_with_the_package():
    """Skipped where python3-jsonschema is not installed."""
    try:
        import jsonschema
    except ImportError:
        return "python3-jsonschema is not installed"
    s = schema.load()
    jsonschema.Draft202012Validator.check_schema(s)
    judge = jsonschema.Draft202012Validator(s)
    rows = sample()
    row = next(r for r in rows if r["scenario"] == "tunnel.tcp")
    for what, d in [("sample", r) for r in rows] + list(damages(row)):
        assert judge.is_valid(d) == (not schema.check(d, s)), what


def validator_raises_at_a_keyword_it_does_not_know():
    try:
        schema.check(1, {"type": "integer", "multipleOf": 2})
    except ValueError:
        return
    raise AssertionError("multipleOf was passed over")


def report_is_as_committed():
    with open(os.path.join(HERE, "sample.md"), encoding="utf-8") as f:
        assert f.read() == markdown("--markdown")[0], "tests/bench/test_bench.py --write renews it"


def report_replaces_the_figures_of_a_document():
    with tempfile.NamedTemporaryFile("w+", suffix=".md") as f:
        f.write("before\n%s\nold\n%s\nafter\n" % (report.BEGIN, report.END))
        f.flush()
        for text in ("one\n", "two\n"):
            report.put_into(f.name, text)
        with open(f.name, encoding="utf-8") as again:
            assert again.read() == "before\n%s\ntwo\n%s\nafter\n" % (report.BEGIN, report.END)


def goals_fail_where_one_is_missed():
    text, status = markdown("--goals")
    assert status == 1 and "| no |" in text


def goals_compare_medians_of_one_run():
    rows = [r for r in sample() if r["scenario"] == "tunnel.tcp" and r["peer"] in ("jv", "wireguard-go")
            and r["environment"]["network_profile"]["link"] == "gso"]
    made = []
    for k, (jv, wg) in enumerate(((2.0, 1.0), (9.0, 1.5), (6.0, 4.0))):
        for r in rows:
            d = copy.deepcopy(r)
            d.update(round=k, summary={"gbps": jv if r["peer"] == "jv" else wg})
            d["environment"]["foreign_cores"] = 0
            made.append(d)
    first = report.goals(made, False)[0]
    assert first[2] == 6.0 / 1.5 and first[3], first
    made[2]["environment"]["foreign_cores"] = 0.2  # 9.0 is left out
    assert report.goals(made, False)[0][2] == 4.0 / 1.5
    assert report.goals(made, True)[0][2] == 4.0
    for d in made[:3]:
        d["run_id"] = "20200101T000000Z-000000"
    assert {r["run_id"] for r in Rows(made, "tunnel").rows} == {rows[0]["run_id"]}


def cold_start_is_compared_within_its_round():
    base = next(r for r in sample() if r["scenario"] == "tunnel.start")
    made = [dict(copy.deepcopy(base), peer=p, round=n, summary={"first_echo_ms": ms})
            for p, n, ms in (("bare", 0, 10), ("jv", 0, 15), ("bare", 1, 40), ("jv", 1, 42), ("jv", 2, 99))]
    assert report.cold_start(Rows(made, "tunnel", None, True), "jv") == [5, 2]


def rates_keep_every_byte():
    samples = [(t / 1000, t * 1000.0, 0.0) for t in range(0, 5000, 3)]
    got = bins.rates(samples, 1, 1.5, 10, 1000, 2000)
    assert len(got) == 300
    assert abs(sum(got) - 300 * 0.008) < 1e-6 * 300 and max(got) - min(got) < 1e-3, (min(got), max(got))


def dip_measures_a_hole():
    flow = [4.0] * 100 + [2.5] * 5 + [0.0] * 7 + [1.0] * 10 + [4.0] * 278
    d = bins.dip(flow)
    assert d["before_gbps"] == 4.0 and d["lowest_gbps"] == 0.0 and d["outage_ms"] == 70 and d["below_half_ms"] == 170, d
    assert abs(d["deficit_ms"] - (5 * 1.5 + 7 * 4 + 10 * 3) / 4 * 10) < 0.01, d
    assert d["back_ms"] == 210, d  # from there on 100 ms reach nine tenths together: one bin of 1.0 among nine of 4.0
    steady = bins.dip([4.0] * 400)
    assert steady["back_ms"] == 0 and steady["deficit_ms"] == 0 and steady["outage_ms"] == 0
    assert bins.dip([4.0] * 100 + [0.0] * 300)["back_ms"] is None


def drops_count_what_was_not_used():
    before = {"client": {"drops": {"auth": 1, "consumed": 5}}, "server": {"drops": {"auth": 0, "replay_old": 3, "consumed": 5}}}
    after = {"client": {"drops": {"auth": 1, "consumed": 9}}, "server": {"drops": {"auth": 2, "replay_old": 3, "consumed": 9}}}
    assert jump.drops(before, after) == {"gateway_auth": 2}


def yard_results_become_measurements():
    d = {"first_echo_ms": 20.5, "server_rss_kb": 1000, "server_rss_after_kb": 1100, "server_rss_peak_kb": 1200,
         "tcp": {"gbps": 5.0, "vpn_cpu_s_per_gb": 2.0, "foreign": 0.1, "retrans": 3}, "ping": None,
         "load_ping": {"median_ms": 1.0, "p99_ms": 2.0, "max_ms": 3.0, "got": 10, "sent": 10, "flow_gbps": 4.0, "foreign": 0.2}}
    got = {s: (summary, foreign) for s, summary, foreign in tunnel.measurements(d)}
    assert sorted(got) == ["tunnel.load_ping", "tunnel.memory", "tunnel.start", "tunnel.tcp"]
    assert got["tunnel.tcp"] == ({"gbps": 5.0, "vpn_cpu_s_per_gb": 2.0, "retransmits": 3}, 0.1)
    assert got["tunnel.load_ping"][0]["gbps"] == 4.0 and got["tunnel.load_ping"][1] == 0.2
    assert got["tunnel.memory"][0] == {"server_rss_kib": 1000, "server_rss_after_kib": 1100, "server_rss_peak_kib": 1200}


def options_of_a_program_are_told_from_its_figures():
    assert parts.split({"bench": "core", "bytes": 64, "ticks_per_packet": {"take": 1.5, "all": 3}}) == (
        "bench=core bytes=64", {"ticks_per_packet.take": 1.5, "ticks_per_packet.all": 3})
    assert parts.split({"bytes": 64, "ns": 4.5}) == ("bytes=64", {"ns": 4.5})


def rounds_rotate():
    assert [harness.order(list("abc"), r, "rotate") for r in range(4)] == [list(x) for x in ("abc", "bca", "cab", "abc")]
    assert sorted(harness.order(list("abc"), 1, "shuffle")) == list("abc")


def foreign_cpu_leaves_out_our_own():
    me = os.getpid()
    ps = {1: (0, 1.0, 7, 2.0), 2: (0, 9.0, 7, 9.0), 5: (2, 9.0, 7, 9.0), me: (1, 9.0, 7, 9.0), me + 1: (me, 9.0, 7, 9.0),
          900: (1, 9.0, 8, 9.0), 901: (1, 9.0, 7, 9.0), 902: (1, 0.5, 7, 1.5)}
    assert harness.foreign_cpu(ps, {901}, {8}) == 3.5


def usage_errors_have_their_status():
    run = lambda *a: subprocess.run([sys.executable, os.path.join(ROOT, "bench", "run"), *a], capture_output=True, text=True)
    assert run().returncode == 2
    assert run("tunnel", "--rounds", "0").returncode == 2
    r = run("tunnel", "--peers", "nosuch")
    assert r.returncode == 1 and "no peer nosuch" in r.stderr and "Traceback" not in r.stderr, r.stderr
    r = run("tunnel", "--peers", "jv", "--build", os.path.join(HERE, "nowhere"))
    assert r.returncode == 1 and "not built" in r.stderr, r.stderr
    r = run("report", os.path.join(HERE, "nowhere.jsonl"))
    assert r.returncode == 1 and "No such file" in r.stderr, r.stderr
    assert run("validate", SAMPLE).returncode == 0
    r = run("validate", os.path.join(HERE, "sample.md"))
    assert r.returncode == 1 and "no JSON" in r.stdout, r.stdout


TESTS = [
    schema_takes_the_sample, schema_refuses_what_is_wrong, schema_agrees_with_the_package, validator_raises_at_a_keyword_it_does_not_know,
    report_is_as_committed, report_replaces_the_figures_of_a_document, goals_fail_where_one_is_missed, goals_compare_medians_of_one_run,
    cold_start_is_compared_within_its_round, rates_keep_every_byte, dip_measures_a_hole, drops_count_what_was_not_used,
    yard_results_become_measurements, options_of_a_program_are_told_from_its_figures, rounds_rotate, foreign_cpu_leaves_out_our_own,
    usage_errors_have_their_status]


def main():
    if "--write" in sys.argv:
        with open(os.path.join(HERE, "sample.md"), "w", encoding="utf-8") as f:
            f.write(markdown("--markdown")[0])
        return 0
    print("1..%d" % len(TESTS))
    failed = 0
    for n, test in enumerate(TESTS, 1):
        try:
            skipped = test()
            print("ok %d - %s%s" % (n, test.__name__, " # SKIP " + skipped if skipped else ""))
        except Exception as e:  # an error in a test is its failure
            failed += 1
            print("not ok %d - %s" % (n, test.__name__))
            print("# %s: %s" % (type(e).__name__, str(e).replace("\n", "\n# ")))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
