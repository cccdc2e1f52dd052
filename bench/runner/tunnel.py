# SPDX-License-Identifier: Apache-2.0
"""The measures of the table, for jv, other VPNs and the ceilings, in one interleaved run."""
import context
import yard

MEASURES = ["tcp", "ping", "load", "pps"]


def part(d, names):
    """The members of a yard's result that a summary has, under the schema's names."""
    return {new: d[old] for old, new in names.items() if d.get(old) is not None}


def measurements(d):
    """(scenario, summary, foreign) of each measure in one result of the yard."""
    yield "tunnel.start", part(d, {"first_echo_ms": "first_echo_ms"}), None
    for key, scenario, names in (
            ("tcp", "tunnel.tcp", {"gbps": "gbps", "vpn_cpu_s_per_gb": "vpn_cpu_s_per_gb", "retrans": "retransmits"}),
            ("ping", "tunnel.ping", {k: k for k in ("median_ms", "p99_ms", "max_ms", "got", "sent")}),
            ("load_ping", "tunnel.load_ping", {**{k: k for k in ("median_ms", "p99_ms", "max_ms", "got", "sent")}, "flow_gbps": "gbps"}),
            ("pps", "tunnel.pps", {"pps_1pct": "pps_1pct", "pps_peak": "pps_peak"})):
        if d.get(key):
            yield scenario, part(d[key], names), d[key].get("foreign")
    yield "tunnel.memory", part(d, {"server_rss_kb": "server_rss_kib", "server_rss_after_kb": "server_rss_after_kib",
                                    "server_rss_peak_kb": "server_rss_peak_kib"}), None


def run(run, o):
    only = o.only.split(",") if o.only else MEASURES
    for m in only:
        if m not in MEASURES:
            raise context.Failure("--only is %s; its words are %s" % (m, ",".join(MEASURES)))
    peers = yard.choose(run, o.peers)
    lab = yard.prepare(run, o)
    plan = [(r, p) for r in range(o.rounds) for p in yard.harness.order(list(peers), r, "rotate")]
    try:
        for n, (r, p) in enumerate(plan):
            run.progress(n, len(plan), "round %d, %s" % (r + 1, p))
            d = yard.harness.perf(lab, p, only, o.load_pings, look=run.look)
            look, versions = d.pop("look", None), yard.version(peers[p])
            if "error" in d:
                run.emit("tunnel.start", p, r, {}, look, o.link, versions=versions, error=d["error"])
                context.say("  failed: " + d["error"].strip().split("\n")[0])
                continue
            for scenario, summary, foreign in measurements(d):
                if summary:
                    run.emit(scenario, p, r, summary, look, o.link, versions=versions, foreign=foreign)
            context.say("  " + told(d))
    finally:
        lab.down()


def told(d):
    t, l, p = d.get("tcp") or {}, d.get("load_ping") or {}, d.get("pps") or {}
    words = [("%.2f Gbit/s", t.get("gbps")), ("%.2f CPU s/GB", t.get("vpn_cpu_s_per_gb")), ("ping %.3f ms", (d.get("ping") or {}).get("median_ms")),
             ("under load %.2f ms", l.get("median_ms")), ("p99 %.1f ms", l.get("p99_ms")), ("%.0f packets/s", p.get("pps_1pct"))]
    return ", ".join(f % v for f, v in words if v is not None) or "up after %.0f ms" % d["first_echo_ms"]
