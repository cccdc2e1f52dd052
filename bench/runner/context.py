# SPDX-License-Identifier: Apache-2.0
"""What every measurement says of its surroundings, and the file that they are written to."""
import datetime
import hashlib
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import time

import schema

ROOT = schema.ROOT
YARD = os.path.join(ROOT, "bench", "yard", "peers")


class Failure(Exception):
    """Something that the user must put right; told without a trace."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def output(cmd, **kw):
    """stdout of a command, empty where it fails or is not there."""
    try:
        return subprocess.run(cmd, capture_output=True, text=True, timeout=30, **kw).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def machine():
    info = read("/proc/cpuinfo")
    field = lambda name: (re.search(r"^%s\s*: (.*)$" % name, info, re.M) or [None, ""])[1]
    flags = field("flags").split()
    os_name = re.search(r'^PRETTY_NAME="?([^"\n]*)', read("/etc/os-release"), re.M)
    tsc = re.search(r"\btsc: Detected ([\d.]+) MHz", output(["dmesg"])) or re.search(r"^bogomips\s*: ([\d.]+)$", info, re.M)
    mhz = float(tsc[1]) if tsc else None
    ram = re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo"))
    return {
        "platform": platform.platform(),
        "os": os_name[1] if os_name else platform.system(),
        "kernel": "%s %s" % (platform.release(), platform.version()),
        "cpu": "%s, family %s model %s" % (field("model name") or platform.machine(), field("cpu family") or "?", field("model") or "?"),
        "cpu_flags": " ".join(f for f in ("aes", "vaes", "pclmulqdq", "vpclmulqdq", "avx2", "avx512f", "avx512vl", "sha_ni", "gfni") if f in flags),
        "cores": len(os.sched_getaffinity(0)),
        # bogomips is twice the frequency of the TSC where the loop is timed by it.
        "tsc_mhz": round(mhz / (1 if tsc.re.pattern.startswith("\\b") else 2), 1) if mhz else None,
        "ram_mib": int(ram[1]) // 1024 if ram else 1,
    }


def build_info(build):
    """Of the daemon in a build directory; None where there is none."""
    program = os.path.join(build, "src", "daemon", "jvd")
    if not os.path.exists(program):
        return None
    options = {}
    try:
        options = {o["name"]: o["value"] for o in json.loads(read(os.path.join(build, "meson-info", "intro-buildoptions.json")))}
    except ValueError:
        pass
    comment = re.search(r"(GCC: \([^)]*\) [\d.]+|[^\0\n]*clang version [\d.]+)", output(["readelf", "-p", ".comment", program]))
    with open(program, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    chosen = ["%s=%s" % (k, options[k]) for k in ("optimization", "debug", "b_lto", "b_ndebug", "b_sanitize", "c_args") if options.get(k)]
    return {"type": str(options.get("buildtype", "unknown")), "compiler": comment[1].strip() if comment else "unknown",
            "options": " ".join(chosen), "sha256": digest}


def tools():
    """Versions of what a measure depends on."""
    crypto = " ".join(output(["openssl", "version"]).split()[1:2])
    package = output(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "libipsec-mb1", "libipsec-mb-dev", "libipsec-mb0"])
    iperf = " ".join(output(["iperf3", "--version"]).split()[1:2])
    found = {"python": platform.python_version(), "openssl": crypto, "ipsec_mb": package.split("\n")[0].split(" ")[-1], "iperf3": iperf}
    return {k: v for k, v in found.items() if v}


class Run:
    """One call of bench/run: what all its measurements share, and where they go."""

    def __init__(self, o):
        self.build = os.path.abspath(o.build)
        self.out = o.out
        self.rows = []
        self.failed = 0
        self.begun = time.monotonic()
        self.schema = schema.load()
        self.first_round = o.first_round - 1
        self.id = self.last_id() if o.go_on else "%s-%s" % (datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ"), os.urandom(3).hex())
        self.machine = machine()
        self.tools = tools()
        git = lambda *a: output(["git", "-C", ROOT, *a])
        self.commit = git("rev-parse", "HEAD") or "unknown"
        self.is_dirty = bool(git("status", "--porcelain", "--untracked-files=no"))
        self.command = shlex.join(["bench/run"] + sys.argv[1:])
        if self.out and not os.access(os.path.dirname(os.path.abspath(self.out)), os.W_OK):
            raise Failure("%s: cannot be written" % self.out)

    def last_id(self):
        """That of the last measurement in the file, which this call goes on with: a run may be done in parts, where time is short."""
        lines = read(self.out).splitlines() if self.out else []
        try:
            return json.loads(lines[-1])["run_id"]
        except (IndexError, ValueError, KeyError):
            raise Failure("--continue: %s has no measurement to go on with" % (self.out or "stdout")) from None

    def jv(self, *args, run_dir=None):
        """Output of the build's jv, parsed as JSON where it is; {} where it fails."""
        text = output([os.path.join(self.build, "src", "cli", "jv")] + (["--run-dir", run_dir] if run_dir else []) + list(args))
        try:
            return json.loads(text)
        except ValueError:
            return {}

    def look(self, lab):
        """What is in force in the tunnel of a lab that is up, where it is one of ours."""
        if not os.path.exists(lab.W + "/jvc.conf"):
            return {}
        status = self.jv("status", "--json", run_dir=lab.W + "/rc")
        return {"status": status, "policy": self.jv("policy", "show", "--session", "--json", run_dir=lab.W + "/rc")}

    def emit(self, scenario, peer, round_, summary, look=None, link="none", sessions=1, switches_per_min=0, versions=None, events=(),
             case=None, series=None, error=None, foreign=None):
        """Writes one measurement. A wrong object is a bug of ours: it is written and told, and the run fails."""
        look = look or {}
        policy = look.get("policy") or None
        ours = peer == "core" or peer.split("-")[0] == "jv"
        policy_id = look.get("status", {}).get("session", {}).get("policy_id")
        suite = look.get("status", {}).get("session", {}).get("suite")
        environment = dict(
            self.machine,
            emulation="two network namespaces joined by veth; nothing is delayed or lost on purpose" if link != "none" else "no network",
            network_profile={"loss_pct": 0, "latency_ms": 0, "jitter_ms": 0, "link": link, **({"mtu_bytes": 1500} if link != "none" else {})},
            sessions=sessions, transport="udp" if link != "none" else "none", switches_per_min=switches_per_min,
            replay_window_packets=(policy or {}).get("replay_window_size"), session_ttl_ms=(policy or {}).get("max_lifetime_ms"),
            transport_lost_ttl_ms=(policy or {}).get("transport_lost_ttl_ms"), policy=policy,
            versions=dict(self.tools, **(versions or {}), **({"suite": suite} if suite else {})),
            build=build_info(self.build) if ours else None, commit=self.commit, is_dirty=self.is_dirty,
            date=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), command=self.command,
            foreign_cores=None if foreign is None else round(max(0.0, foreign), 3))
        row = {"schema": "jv-bench-1", "run_id": self.id, "scenario": scenario, "peer": peer, "round": self.first_round + round_,
               "policy_version": str(policy_id) if policy_id is not None else "none", "environment": environment, "events": list(events),
               "summary": summary}
        row.update({k: v for k, v in (("case", case), ("series", series), ("error", error)) if v is not None})
        wrong = schema.check(row, self.schema)
        for w in wrong:
            say("bench: the object does not keep docs/bench.schema.json: " + w)
        self.failed += bool(wrong or error)
        line = json.dumps(row)
        if self.out:
            with open(self.out, "a", encoding="utf-8") as f:
                f.write(line + "\n")
        else:
            print(line, flush=True)
        self.rows.append(row)

    def progress(self, done, all_, text):
        """What is going on, and how long it may take at the pace so far."""
        past = time.monotonic() - self.begun
        left = " about %d s left," % (past / done * (all_ - done)) if done else ""
        say("[%d of %d, %d s,%s] %s" % (done + 1, all_, past, left, text))
