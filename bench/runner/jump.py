# SPDX-License-Identifier: Apache-2.0
"""What it costs to be ready for a jump, and what a jump costs a flow."""
import datetime
import json
import os
import subprocess
import time

import bins
import context
import yard

WAYS = ["none", "choice", "blackhole"]
PROFILES = ["one", "best", "probed"]
NOTES = {"one": "path A alone", "best": "path B stands by, probed each second", "probed": "path B stands by, probed ten times a second"}


def audit(path, since):
    """The events of an audit file from a moment on (seconds since 1970), in the schema's form; and its records as they are."""
    events, records = [], []
    for line in context.read(path).splitlines():
        try:
            r = json.loads(line)
            ts = datetime.datetime.strptime(r["ts"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        except (ValueError, KeyError):
            continue
        if ts < since:
            continue
        records.append(dict(r, at=ts))
        events.append({"ts_ms": round(ts * 1000, 3), "event_type": r["event"], "session_id": r.get("sid", ""),
                       **{k: r[k] for k in ("reason", "path", "seen") if k in r}})
    return events, records


def counters(run, lab):
    return {side: run.jv("counters", run_dir="%s/r%s" % (lab.W, side[0])) for side in ("client", "server")}


def drops(before, after):
    """name -> packets that ended unused meanwhile, of each end; what is part of the work (CONSUMED) is none."""
    out = {}
    for side in before:
        b, a = before[side].get("drops", {}), after[side].get("drops", {})
        out.update({"%s_%s" % (side if side == "client" else "gateway", k): a[k] - b.get(k, 0) for k in a
                    if k != "consumed" and a[k] > b.get(k, 0)})
    return out


def act(run, lab, way):
    """Does it; gives the monotonic and the wall time just before."""
    at = time.monotonic(), time.time()
    if way == "choice":
        r = subprocess.run([os.path.join(run.build, "src", "cli", "jv"), "--run-dir", lab.W + "/rc", "switch", "b", "jvc"],
                           capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError("jv switch: " + (r.stderr or r.stdout).strip())
    elif way == "blackhole":
        yard.harness.EVENTS["blackhole"][1](lab)
    return at


def switch(run, lab, way, direction):
    """One jump under one TCP flow; gives (summary, series, events, look)."""
    lab.env["JV_AUDIT"] = "1"
    lab.up("jv", "best")
    try:
        time.sleep(1)
        run.jv("hold", "60s", "jvc", run_dir=lab.W + "/rc")  # else the session goes back to path A within the series
        side, device = (lab.S, "jvs%d") if direction == "up" else (lab.C, "jvc%d")
        seconds = 2 + (bins.BEFORE_MS + bins.AFTER_MS) / 1000
        server = lab.popen(lab.S, "iperf3", "-s", "-1", "-p", "5201", stdout=subprocess.DEVNULL)
        time.sleep(0.2)
        cmd = ["iperf3", "-c", yard.harness.TS, "-t", str(seconds), "-C", "cubic", "-J"] + (["-R"] if direction == "down" else [])
        flow = lab.popen(lab.C, *cmd, stdout=subprocess.PIPE)
        sampler = lab.popen(side, yard.harness.PY, os.path.abspath(bins.__file__), str(seconds - 0.2), device % lab.i + ",a0,b0",
                            stdout=subprocess.PIPE)
        time.sleep(1 + bins.BEFORE_MS / 1000)
        before, cpu0 = counters(run, lab), lab.cpu()
        at, wall = act(run, lab, way)
        samples = [tuple(float(x) for x in l.split()) for l in sampler.communicate(timeout=60)[0].splitlines()]
        after, cpu1 = counters(run, lab), lab.cpu()
        took = time.monotonic() - at
        text = flow.communicate(timeout=60)[0]
        server.kill()
        columns = {name: bins.rates(samples, n, at) for n, name in ((1, "tunnel_gbps"), (2, "path_a_gbps"), (3, "path_b_gbps"))}
        summary = bins.dip(columns["tunnel_gbps"])
        summary.update({"vpn_cores": round((cpu1[0] - cpu0[0]) / took, 3), "packets_dropped": drops(before, after),
                        "jumps": after["client"].get("jumps", 0) - before["client"].get("jumps", 0)})
        try:
            summary["retransmits"] = json.loads(text)["end"]["sum_sent"].get("retransmits", 0)
        except (ValueError, KeyError):
            pass
        events, records = audit(lab.W + "/jvc.jsonl", wall)
        for r in records:
            if r["event"] == "TransportSwitch":
                seen = r.get("seen", {})
                summary.update({"time_to_switch_ms": round((r["at"] - wall) * 1000, 3),
                                "time_to_detect_ms": seen.get("detect_us", 0) / 1000, "time_to_reattach_ms": seen.get("reattach_us", 0) / 1000,
                                **{k: seen[k] for k in ("kept", "resent", "pushed_out", "too_old") if k in seen}})
                break
        _, other = audit(lab.W + "/jvs.jsonl", wall)
        for r in other:
            if r["event"] == "TransportSwitch":
                summary.update({"gateway_" + k: r["seen"][k] for k in ("kept", "resent", "pushed_out", "too_old") if k in r.get("seen", {})})
                break
        if way != "none" and not summary["jumps"]:
            raise RuntimeError("no jump within %.1f s" % took)
        series = {"bin_ms": bins.BIN_MS, "start_ms": -bins.BEFORE_MS, "columns": columns}
        return summary, series, events, run.look(lab), (cpu1[1] - cpu0[1]) / took
    finally:
        lab.down()


def probing(run, lab, profile):
    """One TCP flow, with and without a path that is probed beside it."""
    lab.env["JV_AUDIT"] = ""
    lab.up("jv", profile)
    try:
        time.sleep(1)
        probes = lambda: sum(p.get("probes_sent", 0) for p in run.look(lab).get("status", {}).get("session", {}).get("paths", [])[1:])
        before = probes()
        t = yard.harness.iperf(lab)
        if not t:
            raise RuntimeError("no flow through the tunnel")
        return {"gbps": t["gbps"], "vpn_cpu_s_per_gb": t["vpn_cpu_s_per_gb"], "retransmits": t["retrans"] or 0,
                "probes_sent": probes() - before}, run.look(lab), t["foreign"]
    finally:
        lab.down()


def run(run, o):
    for name, words, known in (("--ways", o.ways, WAYS), ("--directions", o.directions, ["up", "down"])):
        for w in words.split(",") if words else []:
            if w not in known:
                raise context.Failure("%s is %s; its words are %s" % (name, w, ",".join(known)))
    info = yard.choose(run, ["jv"])["jv"]
    lab = yard.prepare(run, o)
    cases = [("jump.probing", p, "") for p in PROFILES] if not o.no_probing else []
    cases += [("jump.switch", w, d) for w in o.ways.split(",") if w for d in o.directions.split(",")]
    plan = [(r, c) for r in range(o.rounds) for c in yard.harness.order(cases, r, "rotate")]
    try:
        for n, (r, (scenario, what, direction)) in enumerate(plan):
            case = "%s.%s" % (what, direction) if direction else what
            run.progress(n, len(plan), "round %d, %s %s" % (r + 1, scenario, case))
            more = {"case": case, "versions": yard.version(info), "link": o.link}
            yard.harness.quiet()
            try:
                if scenario == "jump.probing":
                    summary, look, foreign = probing(run, lab, what)
                    run.emit(scenario, "jv", r, summary, look, foreign=foreign, **more)
                    context.say("  %.2f Gbit/s, %.2f CPU s/GB (%s)" % (summary["gbps"], summary["vpn_cpu_s_per_gb"], NOTES[what]))
                else:
                    summary, series, events, look, foreign = switch(run, lab, what, direction)
                    run.emit(scenario, "jv", r, summary, look, switches_per_min=0 if what == "none" else 1, events=events, series=series,
                             foreign=foreign, **more)
                    context.say("  " + ", ".join("%s %s" % (k, summary[k]) for k in (
                        "before_gbps", "outage_ms", "below_half_ms", "deficit_ms", "back_ms", "resent", "too_old") if k in summary))
            except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as e:
                run.emit(scenario, "jv", r, {}, error=str(e)[-600:] or repr(e), **more)
                context.say("  failed: " + str(e).strip().split("\n")[0])
    finally:
        lab.down()
