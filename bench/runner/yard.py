# SPDX-License-Identifier: Apache-2.0
"""The yard (bench/yard/peers), as the runner uses it: its harness, its programs, which peers are here."""
import os
import re
import subprocess
import sys

import context

sys.path.append(context.YARD)  # after our own modules: it has a report too
import harness  # noqa: E402

ORDER = ["jv", "jv-libcrypto", "jv-pool4", "wireguard-go", "openvpn", "strongswan", "nebula19", "pump-gso-vaes256", "pump-gso-aes256", "bare"]


def need_root():
    if os.geteuid() != 0:
        raise context.Failure("network namespaces need root")


def prepare(run, o):
    """A lab that this process alone has. What another run left under its number is removed, and told."""
    need_root()
    os.environ["JV_BUILD"] = run.build
    harness.WAIT_S = o.wait
    built = subprocess.run([context.YARD + "/build"], capture_output=True, text=True)
    if built.returncode:
        raise context.Failure("the yard's programs do not build: %s" % built.stderr.strip()[-400:])
    if not os.path.isdir("/var/run/netns"):
        os.makedirs("/var/run/netns", exist_ok=True)
    lab = harness.Lab(o.inst, o.link)
    lab.claim()
    left = [n for n in (lab.C, lab.S) if os.path.exists("/var/run/netns/" + n)]
    if left:
        context.say("removing namespaces that another run left: " + " ".join(left))
        lab.kill_ns()
    return lab


def need_build(run):
    for program in ("src/daemon/jvd", "src/cli/jv"):
        if not os.access(os.path.join(run.build, program), os.X_OK):
            raise context.Failure("%s is not built in %s: tools/ensure-build %s, or --build DIR" % (program, run.build, run.build))


def choose(run, wanted):
    """name -> its description, of the peers to measure. What was asked for by name and is not here ends the run."""
    every = harness.all_peers()
    names = wanted or ORDER
    for n in names:
        if n not in every:
            raise context.Failure("no peer %s; there are: %s" % (n, " ".join(every)))
    if any(re.match(r"jv(-|$)", n) for n in names):
        need_build(run)
    found = {n: harness.info(n) for n in names}
    if not wanted and not found["nebula19"]:
        found["nebula"] = harness.info("nebula")
    missing = [n for n, i in found.items() if not i]
    if missing and wanted:
        raise context.Failure("not here: %s (bench/yard/peers/install; jv-libcrypto needs a jvd with --aead)" % " ".join(missing))
    if missing:
        context.say("not here, left out: %s (bench/yard/peers/install)" % " ".join(missing))
    found = {n: i for n, i in found.items() if i}
    if not found:
        raise context.Failure("no peer is here: bench/yard/peers/install")
    for tool in ("iperf3", "ethtool", "ping"):
        if not context.output(["sh", "-c", "command -v " + tool]):
            raise context.Failure("%s is not installed: tools/install-deps bench" % tool)
    return found


def version(info):
    return {"peer": info["version"], "cipher": info["cipher"]}
