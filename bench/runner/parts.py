# SPDX-License-Identifier: Apache-2.0
"""What runs without peers to compare with: the programs of bench/micro, the fleet of clients, and the profile of one flow."""
import json
import os
import subprocess
import threading
import time

import context
import yard


def split(row):
    """(case, summary) of one object that a program printed: objects in it are figures, as are floats where it has no objects; what is
    left are the options under which they were taken."""
    figures = {}
    nested = [k for k, v in row.items() if isinstance(v, dict)]
    for k, v in row.items():
        if isinstance(v, dict):
            figures.update({"%s.%s" % (k, name): x for name, x in v.items() if isinstance(x, (int, float))})
        elif isinstance(v, float) and not nested:
            figures[k] = v
    case = " ".join("%s=%s" % (k, v) for k, v in row.items() if k not in nested and k not in figures)
    return case, figures


def micro(run, o):
    folder = os.path.join(run.build, "bench", "micro")
    if os.path.exists(os.path.join(run.build, "build.ninja")):
        context.say("building bench/micro")
        built = subprocess.run(["ninja", "-C", run.build], capture_output=True, text=True)
        if built.returncode:
            raise context.Failure("the build fails: %s" % (built.stdout + built.stderr).strip()[-600:])
    programs = sorted(f for f in (os.listdir(folder) if os.path.isdir(folder) else [])
                      if os.path.isfile(os.path.join(folder, f)) and os.access(os.path.join(folder, f), os.X_OK))
    programs = [p for p in programs if not o.programs or p in o.programs]
    if not programs:
        raise context.Failure("no program of bench/micro in %s: meson setup %s && ninja -C %s" % (run.build, run.build, run.build))
    plan = [(r, p) for r in range(o.rounds) for p in programs]
    for n, (r, p) in enumerate(plan):
        run.progress(n, len(plan), "round %d, %s" % (r + 1, p))
        yard.harness.quiet(o.wait)
        done = subprocess.run([os.path.join(folder, p), "--json"], capture_output=True, text=True)
        try:
            rows = json.loads(done.stdout) if done.stdout.lstrip().startswith("[") else [json.loads(l) for l in done.stdout.splitlines() if l]
        except ValueError:
            rows = []
        if done.returncode or not rows:
            run.emit("micro", "core", r, {}, case=p, error=(done.stderr or "no JSON from " + p).strip()[-600:])
            context.say("  failed: " + (done.stderr.strip().split("\n")[0] or "no JSON"))
            continue
        for row in rows:
            case, figures = split(row)
            run.emit("micro", "core", r, figures, case="%s %s" % (p, case))


def sessions(run, o):
    """The fleet has namespaces of its own and cleans them up itself."""
    yard.need_root()
    yard.need_build(run)
    program = os.path.join(context.ROOT, "bench", "fleet", "run")
    if not os.access(program, os.X_OK) or not os.access(os.path.join(run.build, "bench", "fleet", "fleet"), os.X_OK):
        raise context.Failure("bench/fleet is not built in %s: ninja -C %s" % (run.build, run.build))
    yard.harness.quiet(o.wait)
    counts = o.sessions.split(",")
    # How long a measure takes is no case of its own.
    traffic = [m.lstrip("-") for before, m in zip([""] + o.more, o.more) if not {before, m} & {"--seconds", "--warm-up"}]
    cmd = [program, "--sessions", o.sessions, "--rounds", str(o.rounds), "--build", run.build] + (["--wire"] if o.link == "wire" else []) + o.more
    run.progress(0, 1, " ".join(cmd[1:]))
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE, text=True)
    try:
        n = 0
        for line in p.stdout:
            row = json.loads(line)
            if "summary" in row:
                continue
            n += 1
            summary = {k: v for k, v in row.items() if isinstance(v, (int, float)) and k not in ("sessions", "round")}
            case = " ".join(["sessions=%d" % row["sessions"]] + traffic)
            run.emit("sessions", "jv", row.get("round", 0), summary, link=o.link, sessions=row["sessions"], case=case,
                     versions={"suite": row.get("suite", "unknown")})
            context.say("  %d of %d: %d sessions, %.0f Mbit/s, %.3f CPU s/GB at the gateway" % (
                n, o.rounds * len(counts), row["sessions"], row["mbit_s"], row.get("gateway_cpu_s_per_gb", 0)))
        if p.wait():
            raise context.Failure("bench/fleet/run failed with status %d" % p.returncode)
    finally:
        if p.poll() is None:
            p.terminate()
            p.wait()


def profile(run, o):
    """Where each end's time goes under one TCP flow, in percent and, of jv, in TSC ticks per inner packet."""
    peer = o.peer
    info = yard.choose(run, [peer])[peer]
    lab = yard.prepare(run, o)
    program = os.path.join(context.ROOT, "bench", "profile")
    try:
        for r in range(o.rounds):
            for n, side in enumerate(("client", "server")):
                run.progress(2 * r + n, 2 * o.rounds, "round %d, profile of the %s of %s" % (r + 1, side, peer))
                yard.harness.quiet()
                lab.up(peer)
                look = run.look(lab)
                flow = []
                th = threading.Thread(target=lambda: flow.append(yard.harness.iperf(lab, 4, 0)))
                th.start()
                time.sleep(0.8)
                packets = lambda: run.jv("counters", run_dir="%s/r%s" % (lab.W, side[0])) if look else {}
                pids, c0, t0 = ",".join(str(p) for p in sorted(lab.tree(side))), packets(), time.monotonic()
                sampler = subprocess.Popen([program, "-p", pids, "-d", "2.5", "-g", "--json", "-n", "60"], stdout=subprocess.PIPE,
                                           stderr=subprocess.PIPE, text=True)
                time.sleep(2.3)  # what follows the sampling takes longer than the flow
                c1, t1 = packets(), time.monotonic()
                text, errors = sampler.communicate()
                th.join()
                lab.down()
                more = {"case": side, "versions": yard.version(info), "look": look, "link": o.link}
                if sampler.returncode:
                    run.emit("profile", peer, r, {}, error=errors.strip() or "no profile", **more)
                    context.say("  failed: " + errors.strip())
                    continue
                got = json.loads(text)
                summary = {"cpus_busy": got["cpus_busy"], "samples": got["samples"], "kinds_pct": got["kinds"], "functions_pct": got["functions"],
                           "system_calls_pct": got["system_calls"], "inclusive_pct": got["inclusive"]}
                flow = flow[0] if flow else None
                if flow:
                    summary["gbps"] = flow["gbps"]
                moved = sum(c1.get(k, 0) - c0.get(k, 0) for k in ("tx_packets", "rx_packets"))
                if moved > 0 and run.machine["tsc_mhz"]:
                    summary["packets_per_s"] = round(moved / (t1 - t0))
                    ticks = got["cpus_busy"] * run.machine["tsc_mhz"] * 1e6 / (moved / (t1 - t0))
                    summary["ticks_per_packet"] = round(ticks)
                    summary["ticks_per_packet_by_kind"] = {k: round(ticks * v / 100) for k, v in got["kinds"].items()}
                run.emit("profile", peer, r, summary, foreign=flow["foreign"] if flow else None, **more)
    finally:
        lab.down()
