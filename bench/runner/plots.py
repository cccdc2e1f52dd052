# SPDX-License-Identifier: Apache-2.0
"""Plots of a report, drawn by gnuplot."""
import os
import shutil
import statistics
import subprocess

import context

TERMINALS = {"svg": "svg size 900,%d dynamic font 'sans-serif,12' background '#ffffff'", "png": "pngcairo size 900,%d font 'sans,10'"}


def bars(t, scenario, figure, title, scale=1):
    """A bar a peer with its median, and a line from the lowest to the highest round."""
    names = sorted((n for n in t.names(scenario) if t.values(scenario, n, figure)), key=lambda n: t.median(scenario, n, figure))
    if not names:
        return None
    data = ["%d %g %g %g \"%s\"" % (i, statistics.median(v), min(v), max(v), n.replace("_", " ")) for i, n in enumerate(names)
            for v in [[x * scale for x in t.values(scenario, n, figure)]]]
    script = ["$data << EOD"] + data + ["EOD", "set title \"%s\"" % title, "set style fill solid 0.6", "set xrange [0:*]", "set yrange [-0.6:%g]" % (len(names) - 0.4),
              "set ytics nomirror", "set grid x", "unset key", "set lmargin 20",
              "plot $data using (0):1:(0):2:($1-0.38):($1+0.38):ytic(5) with boxxyerror lc rgb '#3b6ea5', "
              "$data using 2:1:3:4 with xerrorbars lc rgb '#202020' pt 0"]
    return script, 80 + 28 * len(names)


def timeline(t, cases):
    """The rate in bins around the jump, of one round a case: the one whose missing traffic is the median."""
    parts = []
    for case in cases:
        rows = [r for r in t.rows if r.get("case") == case and "series" in r]
        if rows:
            rows.sort(key=lambda r: r["summary"].get("deficit_ms", 0))
            parts.append((case, rows[len(rows) // 2]["series"]))
    if not parts:
        return None
    script = []
    for n, (_, s) in enumerate(parts):
        columns = s["columns"]
        script += ["$d%d << EOD" % n] + ["%g %s" % (s["start_ms"] + (i + 0.5) * s["bin_ms"], " ".join("%g" % columns[c][i] for c in columns))
                                         for i in range(len(columns["tunnel_gbps"]))] + ["EOD"]
    script += ["set multiplot layout %d,1" % len(parts), "set xrange [-500:1500]", "set yrange [0:*]", "set grid", "set ylabel 'Gbit/s'", "set key top right",
               "set arrow from 0, graph 0 to 0, graph 1 nohead dt 2 lc rgb '#a04000'"]
    for n, (case, s) in enumerate(parts):
        titles = {"tunnel_gbps": "out of the tunnel", "path_a_gbps": "in by path A", "path_b_gbps": "in by path B"}
        script += ["set title 'jump: %s'" % case.replace(".", ", flow "), "set xlabel '%s'" % ("ms" if n == len(parts) - 1 else "")]
        script += ["plot " + ", ".join("$d%d using 1:%d with lines lw %d title '%s'" % (n, i + 2, 2 if i == 0 else 1, titles.get(c, c))
                                       for i, c in enumerate(s["columns"]))]
    return script + ["unset multiplot"], 60 + 260 * len(parts)


def write(folder, form, pick):
    """Draws what there are measurements for; `pick` gives the rows of a kind."""
    if not shutil.which("gnuplot"):
        raise context.Failure("gnuplot is not installed, so there are no plots: tools/install-deps bench (package gnuplot-nox)")
    os.makedirs(folder, exist_ok=True)
    wanted = {}
    for link in ("gso", "wire"):
        t = pick("tunnel", link)
        wanted.update({
            "tcp-" + link: bars(t, "tunnel.tcp", "gbps", "one TCP flow, Gbit/s (--link %s)" % link),
            "cpu-" + link: bars(t, "tunnel.tcp", "vpn_cpu_s_per_gb", "CPU s for a GB, both ends (--link %s)" % link),
            "pps-" + link: bars(t, "tunnel.pps", "pps_1pct", "64-byte packets a second with less than 1 %% lost, thousands (--link %s)" % link, 1e-3),
            "load-ping-" + link: bars(t, "tunnel.load_ping", "p99_ms", "ping under a saturating flow, p99, ms (--link %s)" % link)})
    wanted["jump"] = timeline(pick("jump"), ["choice.up", "blackhole.up", "choice.down", "blackhole.down"])
    for name, plot in wanted.items():
        if not plot:
            continue
        script, height = plot
        path = os.path.join(folder, "%s.%s" % (name, form))
        text = "\n".join(["set terminal " + TERMINALS[form] % height, "set output '%s'" % path.replace("'", "''")] + script) + "\n"
        done = subprocess.run(["gnuplot"], input=text, capture_output=True, text=True)
        if done.returncode:
            raise context.Failure("gnuplot: " + done.stderr.strip()[-400:])
        context.say(path)
