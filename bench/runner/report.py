# SPDX-License-Identifier: Apache-2.0
"""Tables for docs/performance.md, goals and plots, from JSON lines."""
import statistics

import context
import plots
import schema
from tables import Rows, cell, number, table

WG, BARE = "wireguard-go", "bare"
CEILINGS = [("pump-gso-vaes256", "ceiling (VAES)"), ("pump-gso-aes256", "ceiling (OpenSSL)")]
BEGIN, END = "<!-- figures: bench/run report -->", "<!-- end of figures -->"
LINKS = {"gso": "the link carries super-packets whole", "wire": "super-packets are cut to 1500 bytes before the link"}


def heading(rows):
    """What the first measurement of each run says of its surroundings."""
    out = []
    for run_id in dict.fromkeys(r["run_id"] for r in rows):
        e = next(r["environment"] for r in rows if r["run_id"] == run_id)
        build = next((r["environment"]["build"] for r in rows if r["run_id"] == run_id and r["environment"]["build"]), None)
        out.append("- `%s`, %s, commit %s%s%s" % (e["command"], e["date"], e["commit"][:12], " with changes" if e["is_dirty"] else "",
                                                 ", built by %s (%s)" % (build["compiler"], build["type"]) if build else ""))
    e = rows[0]["environment"]
    versions = ", ".join("%s %s" % (k, v) for k, v in sorted(e["versions"].items()) if k not in ("peer", "cipher", "suite"))
    return "%s; %d cores; %d MiB; TSC %s MHz; flags %s; %s, Linux %s; %s.\n\n%s\n" % (
        e["cpu"], e["cores"], e["ram_mib"], number(e["tsc_mhz"], "%.0f"), e["cpu_flags"], e["os"], e["kernel"], versions, "\n".join(out))


def peers_by_speed(t):
    names = t.names("tunnel.tcp") or t.names("tunnel.start")
    return sorted(names, key=lambda n: -(t.median("tunnel.tcp", n, "gbps") or 0))


def cold_start(t, name):
    """Milliseconds more than without a tunnel, each in its own round."""
    bare = {r["round"]: r["summary"]["first_echo_ms"] for r in t.rows if r["scenario"] == "tunnel.start" and r["peer"] == BARE}
    return [r["summary"]["first_echo_ms"] - bare[r["round"]] for r in t.rows
            if r["scenario"] == "tunnel.start" and r["peer"] == name and r["round"] in bare]


def tunnel(t, link):
    names = peers_by_speed(t)
    if not names:
        return ""
    said = {r["peer"]: r["environment"]["versions"] for r in t.rows}
    ceilings = [(c, title) for c, title in CEILINGS if c in names]
    wide = [(WG, "wireguard-go")] * (WG in names) + ceilings
    times = lambda n, scenario, figure: [number(t.ratio(scenario, n, figure, ref)) for ref, _ in wide]
    x = ["× " + title for _, title in wide]
    out = ["### Tunnel, `--link %s`: %s\n" % (link, LINKS[link])]
    out.append(table(["peer", "version, cipher", "one TCP flow, Gbit/s"] + x + ["CPU s per GB, both ends"] + x + ["rounds"], [
        [n, "%s, %s" % (said[n]["peer"], said[n].get("suite") or said[n]["cipher"]), t.cell("tunnel.tcp", n, "gbps")] + times(n, "tunnel.tcp", "gbps") +
        [t.cell("tunnel.tcp", n, "vpn_cpu_s_per_gb")] + times(n, "tunnel.tcp", "vpn_cpu_s_per_gb") + [str(len(t.values("tunnel.tcp", n, "gbps")))]
        for n in names if t.values("tunnel.tcp", n, "gbps")]))
    out.append(table(["peer", "64-byte kpps, < 1 % loss"] + x + ["most kpps"], [
        [n, t.cell("tunnel.pps", n, "pps_1pct", "%.0f", 1e-3)] + times(n, "tunnel.pps", "pps_1pct") + [t.cell("tunnel.pps", n, "pps_peak", "%.0f", 1e-3)]
        for n in names if t.values("tunnel.pps", n, "pps_1pct")]))
    out.append(table(["peer", "ping idle, ms"] + x + ["p99", "ping under load, ms"] + x + ["p99"], [
        [n, t.cell("tunnel.ping", n, "median_ms", "%.3f")] + times(n, "tunnel.ping", "median_ms") + [
            t.cell("tunnel.ping", n, "p99_ms"), t.cell("tunnel.load_ping", n, "median_ms")] + times(n, "tunnel.load_ping", "median_ms") + [
            t.cell("tunnel.load_ping", n, "p99_ms", "%.1f")]
        for n in names if t.values("tunnel.ping", n, "median_ms") or t.values("tunnel.load_ping", n, "median_ms")]))
    out.append(table(["peer", "cold start to first echo, ms", "more than bare in its round", "server RSS MiB, idle", "after load", "most ever"], [
        [n, t.cell("tunnel.start", n, "first_echo_ms", "%.0f"), cell(cold_start(t, n), "%+.0f")] + [
            t.cell("tunnel.memory", n, k, "%.1f", 1 / 1024) for k in ("server_rss_kib", "server_rss_after_kib", "server_rss_peak_kib")]
        for n in names]))
    return "\n".join(p for p in out if p)


def jumps(t):
    c = lambda case, figure, form="%.2f", scenario="jump.switch": t.cell(scenario, case, figure, form, 1, "case")
    probed = {"one": "path A alone", "best": "path B probed each second", "probed": "path B probed ten times a second"}
    out = [table(["paths", "Gbit/s", "CPU s per GB, both ends", "probes sent", "rounds"], [
        [probed[n], c(n, "gbps", "%.2f", "jump.probing"), c(n, "vpn_cpu_s_per_gb", "%.2f", "jump.probing"),
         c(n, "probes_sent", "%.0f", "jump.probing"), str(len(t.values("jump.probing", n, "gbps", "case")))]
        for n in probed if n in t.names("jump.probing", "case")])]
    cases = sorted(t.names("jump.switch", "case"), key=lambda n: (["none", "choice", "blackhole"].index(n.split(".")[0]), n.split(".")[1] != "up"))
    out.append(table(["jump, flow", "Gbit/s before", "lowest 10 ms", "silent, ms", "below half, ms", "missing, ms of the rate before", "back after, ms",
                      "noticed, ms", "reattached, ms"], [
        [n.replace(".", ", "), c(n, "before_gbps"), c(n, "lowest_gbps"), c(n, "outage_ms", "%.0f"), c(n, "below_half_ms", "%.0f"),
         c(n, "deficit_ms", "%.0f"), c(n, "back_ms", "%.0f"), c(n, "time_to_detect_ms", "%.1f"), c(n, "time_to_reattach_ms", "%.1f")] for n in cases]))
    both = lambda n, figure: cell([sum(s.get(p + figure, 0) for p in ("", "gateway_")) for s in (
        r["summary"] for r in t.rows if r["scenario"] == "jump.switch" and r.get("case") == n)], "%.0f")
    out.append(table(["jump, flow", "packets kept", "sent again", "no room", "too old", "retransmitted by TCP", "cores of both daemons"], [
        [n.replace(".", ", ")] + [both(n, f) for f in ("kept", "resent", "pushed_out", "too_old")] + [c(n, "retransmits", "%.0f"), c(n, "vpn_cores")]
        for n in cases]))
    return "### Jumps under one TCP flow\n\n" + "\n".join(p for p in out if p) if any(out) else ""


def sessions(t):
    cases = sorted(t.names("sessions", "case"), key=lambda c: (c.split(" ")[1:], int(c.split(" ")[0].split("=")[1])))
    if not cases:
        return ""
    first = {}
    for c in cases:
        first.setdefault(tuple(c.split(" ")[1:]), c)
    return "### Sessions at the gateway\n\n" + table(["sessions, traffic", "Mbit/s", "gateway CPU s per GB", "× the fewest", "gateway RSS MiB", "lost", "rounds"], [
        [c.replace("sessions=", ""), t.cell("sessions", c, "mbit_s", "%.0f", 1, "case"), t.cell("sessions", c, "gateway_cpu_s_per_gb", "%.3f", 1, "case"),
         number(t.ratio("sessions", c, "gateway_cpu_s_per_gb", first[tuple(c.split(" ")[1:])], "case")),
         t.cell("sessions", c, "gateway_rss_kib", "%.1f", 1 / 1024, "case"), t.cell("sessions", c, "lost", "%.0f", 1, "case"),
         str(len(t.values("sessions", c, "gateway_cpu_s_per_gb", "case")))] for c in cases])


def micro(t):
    out, groups = [], {}
    for case in t.names("micro", "case"):
        figures = tuple(next(r["summary"] for r in t.rows if r.get("case") == case))
        groups.setdefault((case.split(" ")[0], figures), []).append(case)
    for (program, figures), cases in groups.items():
        options = [dict(w.split("=", 1) for w in c.split(" ")[1:] if "=" in w) for c in cases]
        differ = [k for k in options[0] if len({o.get(k) for o in options}) > 1] or list(options[0])
        head = [f.split(".", 1)[-1] for f in figures]
        unit = {f.split(".", 1)[0] for f in figures if "." in f}
        out.append("`%s`%s\n" % (program, ": " + ", ".join(sorted(unit)).replace("_", " ") if unit else "") + "\n" + table(differ + head, [
            [o.get(k, "") for k in differ] + [number(t.median("micro", c, f, "case"), "%.1f") for f in figures] for o, c in zip(options, cases)]))
    return "### Parts of the core, without a kernel\n\n" + "\n".join(out) if out else ""


def shares(t, case, figure):
    """name -> median share of an object of shares."""
    found = [r["summary"].get(figure, {}) for r in t.rows if r.get("case") == case]
    names = dict.fromkeys(n for f in found for n in f)
    return sorted(((n, statistics.median([f.get(n, 0) for f in found])) for n in names), key=lambda p: -p[1])


def profile(t):
    cases = t.names("profile", "case")
    if not cases:
        return ""
    peer = t.rows[0]["peer"]
    out = ["### Where the time goes: `%s` under one TCP flow of %s Gbit/s\n" % (peer, t.cell("profile", cases[0], "gbps", "%.2f", 1, "case"))]
    columns = {c: dict(shares(t, c, "kinds_pct")) for c in cases}
    ticks = {c: dict(shares(t, c, "ticks_per_packet_by_kind")) for c in cases}
    kinds = sorted({k for c in cases for k in columns[c]}, key=lambda k: -max(columns[c].get(k, 0) for c in cases))
    out.append(table(["what"] + ["%s, %s" % (c, u) for c in cases for u in ("%", "ticks a packet")], [
        [k] + [w for c in cases for w in (number(columns[c].get(k), "%.1f"), number(ticks[c].get(k), "%.0f"))]
        for k in kinds if max(columns[c].get(k, 0) for c in cases) >= 0.5] + [
        ["all"] + [w for c in cases for w in ("100", number(t.median("profile", c, "ticks_per_packet", "case"), "%.0f"))]]))
    for figure, title, lines in (("functions_pct", "function", 15), ("system_calls_pct", "system call, with all that it calls", 8)):
        tops = [shares(t, c, figure)[:lines] for c in cases]
        out.append(table([w for c in cases for w in ("%s: %s" % (c, title), "%")], [
            [w for top in tops for w in (("`%s`" % top[i][0], "%.1f" % top[i][1]) if i < len(top) else ("", ""))]
            for i in range(max(len(top) for top in tops))]))
    return "\n".join(out)


def goals(rows, all_rounds):
    """[(what, bound, figure or None, whether it is met)]"""
    gso, wire = (Rows(rows, "tunnel", link, all_rounds) for link in ("gso", "wire"))
    fleet = Rows(rows, "sessions", None, all_rounds)
    out = []

    def least(what, value, bound, form="%.2f ×"):
        out.append((what, "≥ " + form % bound, value, value is not None and value >= bound, form))

    def most(what, value, bound, form="%.2f ×", alternative=None):
        met = value is not None and (value <= bound or alternative is not None and value <= alternative)
        out.append((what, "≤ " + form % bound + (" or ≤ " + form % alternative if alternative is not None else ""), value, met, form))

    mib = gso.median("tunnel.memory", "jv-pool4", "server_rss_peak_kib")
    starts = cold_start(gso, "jv")
    half = lambda figure: (gso.median("tunnel.load_ping", CEILINGS[0][0], figure) or 0) / 2
    least("TCP, to wireguard-go", gso.ratio("tunnel.tcp", "jv", "gbps", WG), 2.8)
    least("TCP, to the ceiling with VAES", gso.ratio("tunnel.tcp", "jv", "gbps", CEILINGS[0][0]), 0.9)
    least("TCP with OpenSSL alone, to its ceiling", gso.ratio("tunnel.tcp", "jv-libcrypto", "gbps", CEILINGS[1][0]), 0.9)
    most("CPU for a GB, to wireguard-go", gso.ratio("tunnel.tcp", "jv", "vpn_cpu_s_per_gb", WG), 0.25)
    least("64-byte packets a second, to wireguard-go", gso.ratio("tunnel.pps", "jv", "pps_1pct", WG), 4)
    most("ping idle, to the ceiling", gso.ratio("tunnel.ping", "jv", "median_ms", CEILINGS[0][0]), 1.1)
    most("ping under load, median (or half of the ceiling's)", gso.median("tunnel.load_ping", "jv", "median_ms"), 1, "%.2f ms", half("median_ms"))
    most("ping under load, p99 (or half of the ceiling's)", gso.median("tunnel.load_ping", "jv", "p99_ms"), 4, "%.2f ms", half("p99_ms"))
    most("gateway RSS with a 4 MiB pool, most ever", mib / 1024 if mib is not None else None, 16, "%.1f MiB")
    most("cold start, beyond bare in its round", statistics.median(starts) if starts else None, 10, "%+.1f ms")
    least("`--link wire`: TCP, to wireguard-go", wire.ratio("tunnel.tcp", "jv", "gbps", WG), 2.5)
    most("gateway CPU for a GB: 100 sessions to one", fleet.ratio("sessions", "sessions=100", "gateway_cpu_s_per_gb", "sessions=1", "case"), 1.2)
    return out


def goal_table(found):
    return "### Goals\n\n" + table(["what", "goal", "measured", "met"], [
        [what, bound, number(value, form), "-" if value is None else "yes" if met else "no"] for what, bound, value, met, form in found])


def document(rows, all_rounds):
    """Every table that there are measurements for."""
    kinds = [("tunnel", "gso", lambda t: tunnel(t, "gso")), ("tunnel", "wire", lambda t: tunnel(t, "wire")), ("jump", None, jumps),
             ("sessions", None, sessions), ("micro", None, micro), ("profile", None, profile)]
    out = ["### Runs\n\n" + heading(rows), goal_table(goals(rows, all_rounds))]
    for prefix, link, show in kinds:
        t = Rows(rows, prefix, link, all_rounds)
        left_out = "\n".join("- " + line for line in t.left_out())
        out += [show(t) if t.rows else "", left_out + "\n" if left_out else ""]
    return "\n".join(p for p in out if p)


def put_into(path, text):
    """Replaces what stands between the two lines of a document that say where figures begin and end."""
    with open(path, encoding="utf-8") as f:
        old = f.read()
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise context.Failure("%s: needs one line %s and one line %s" % (path, BEGIN, END))
    with open(path, "w", encoding="utf-8") as f:
        f.write(old[:old.index(BEGIN)] + BEGIN + "\n" + text + END + old[old.index(END) + len(END):])


def main(o):
    rows, errors = [], []
    for path in o.files:
        more, wrong = schema.check_lines(path)
        rows, errors = rows + more, errors + wrong
    if errors:
        raise context.Failure("not valid: %s%s" % (errors[0], "; %d more" % (len(errors) - 1) if len(errors) > 1 else ""))
    if not rows:
        raise context.Failure("no measurement in " + ", ".join(o.files))
    if o.markdown or o.into or not (o.plot or o.goals):
        text = document(rows, o.all_rounds)
        if o.into:
            put_into(o.into, text)
        else:
            print(text, end="")
    status = 0
    if o.goals:
        found = goals(rows, o.all_rounds)
        print(goal_table(found), end="")
        status = 0 if all(met for _, _, _, met, _ in found) else 1
    if o.plot:
        plots.write(o.plot, o.format, lambda prefix, link=None: Rows(rows, prefix, link, o.all_rounds))
    return status
