"""Builds the tree and runs its checks; ./check calls it. The last line is `N passed, N failed`.

What counts as one: a build, a TAP line, a verdict of a model, a fuzz target, a program under memcheck, a lint, a namespace test.

Groups run side by side, two at a time, since each has ends at which one of its jobs is left; those of ALONE, whose tests are about
time, follow one by one.
"""
import argparse
import base64
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "build-check")
CORES = max(1, len(os.sched_getaffinity(0)))
GROUPS = {
    "build": "gcc and clang, warnings are errors",
    "unit": "unit tests, property tests, replayed corpora",
    "exhaustive": "every case of small worlds against naive models",
    "framac": "Frama-C: EVA and WP over the real sources",
    "sim": "simulator: golden scenarios; 2000 seeds (20000 with --long); one trace from three compilations",
    "mutants": "one defence at a time is taken out: a named test must miss it (as many as 90 seconds allow; all with --long)",
    "models": "Spin: each property of models/ proved, each mutant caught, runs of the cores held against the model",
    "asan": "the same unit and property tests under AddressSanitizer and UBSan",
    "ct": "no branch and no index depends on a secret (valgrind on poisoned keys)",
    "valgrind": "the unit tests under memcheck: uninitialised reads, leaks (with --long, or by name)",
    "coverage": "branches that the tests of base, crypto, core and verify take (with --long, or by name): src/core at 95 %, every gap explained",
    "perf": "instructions per packet of the hot path, by callgrind, against tests/perf/instructions.json",
    "interop": "births, data, rekey and jump with a peer in Go and its own Noise",
    "fuzz": "every fuzz target for seconds, the same inputs in each run (five minutes under a drawn seed with --long), by libFuzzer and AFL++",
    "lint": "layers, symbols, calls, format, documents, shell, manual pages, static analysis",
    "netns": "the daemons in network namespaces, with the real kernel",
    "soak": "an hour or 10^9 packets of mixed traffic under loss and jumps, every content compared (with --long, or by name)",
}
# Takes more than a minute.
LONG_LINTS = ["analyzer"]
NETNS_TIMEOUT_S = 180
# In this order: the longest ones begin first.
SIDE_BY_SIDE = ["lint", "asan", "models", "fuzz", "sim", "mutants", "framac", "unit", "exhaustive", "ct", "perf", "interop", "valgrind", "coverage"]
ALONE = ["netns", "soak"]
LANES = 2
MUTANTS_S = 90  # beside another group: as many as a minute of its own allows
start = time.monotonic()
lock = threading.RLock()
here = threading.local()  # .group: what the thread works for
tallies = {}  # group: [passed, failed]
running = set()  # processes
failures = []


def processor_s():
    """Seconds of a core that all children used, whose end was waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def say(text):
    with lock:
        print("[%4d s] %s" % (time.monotonic() - start, text), flush=True)


def stop(number, _):
    """Processes have groups of their own: what ends this one would not reach them."""
    with lock:
        for process in running:
            os.killpg(process.pid, signal.SIGTERM)
    os._exit(128 + number)


def in_parallel(function, jobs, workers=CORES):
    """What function() gives for each job, in order; the threads count for the group of the one that calls."""
    group = here.group
    with ThreadPoolExecutor(workers, initializer=lambda: setattr(here, "group", group)) as pool:
        yield from pool.map(function, jobs)


def count(name, passed, failed, log, again, ending=None):
    with lock:
        tallies[here.group][0] += passed
        tallies[here.group][1] += failed
        if failed:
            failures.append("%s: %s" % (name, again))
    if failed:
        print("\nFAILED %s\n%s\n  log:    %s\n  repeat: %s\n" % (name, (ending or tail)(log), os.path.relpath(log, ROOT), again), flush=True)


def tail(path, lines=30):
    """The end of a log; of a build, where the end may be long after the error, the errors."""
    with open(path, errors="replace") as f:
        if os.path.basename(path).startswith("build_"):
            f = [l for l in f if re.search(r"error|undefined|FAILED", l) and len(l) < 400] or open(path, errors="replace")
        return "".join("  | " + l for l in list(f)[-lines:]).rstrip("\n")


def run(name, cmd, timeout, env=None, cwd=ROOT):
    """Runs `cmd` in a process group of its own, so that a timeout ends all of it. Gives status (None: timeout) and log."""
    log = os.path.join(LOGS, re.sub(r"[^A-Za-z0-9_.-]", "_", name) + ".log")
    with open(log, "w") as out:
        p = subprocess.Popen(cmd, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=cwd,
                             env=dict(os.environ, **(env or {})), start_new_session=True)
        with lock:
            running.add(p)
        try:
            return p.wait(timeout), log
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGTERM)
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
            out.write("\ntimeout after %d s\n" % timeout)
            return None, log
        finally:
            with lock:
                running.discard(p)


def simple(name, cmd, timeout, again=None, env=None):
    status, log = run(name, cmd, timeout, env)
    count(name, int(status == 0), int(status != 0), log, again or " ".join(cmd))
    return status == 0


# dir: (compiler, meson options)
BUILDS = {
    "build": ("gcc", []),
    "build-clang": ("clang", []),
    "build-o0": ("gcc", ["-Doptimization=0", "-Dwerror=false"]),  # glibc's fortification warns without optimisation
    "build-ct": ("clang", ["-Dc_args=-gdwarf-4"]),  # valgrind 3.19 cannot read DWARF 5
    "build-asan": ("clang", ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false"]),
}
built = {}
building = {folder: threading.Lock() for folder in BUILDS}


def build(folder, targets=()):
    """Configures and builds once, all or these targets; gives whether it worked."""
    with building[folder]:
        if folder not in built:
            built[folder] = build_now(folder, targets)
        return built[folder]


def build_now(folder, targets):
    compiler, options = BUILDS[folder]
    say("build with %s: %s" % (compiler, folder))
    setup = ["meson", "setup", folder] + options
    ok = True
    if not os.path.exists(os.path.join(ROOT, folder, "build.ninja")):
        status, log = run("setup-" + folder, setup, 300, {"CC": compiler})
        ok = status == 0
        if not ok:
            count("configure " + folder, 0, 1, log, "CC=%s %s" % (compiler, " ".join(setup)))
    return ok and simple("build " + folder, ["ninja", "-k", "0", "-C", folder, *targets], 1200)


def parse_tap(log, status):
    """(passed, failed) of a TAP log; what was planned and did not run has failed."""
    passed = failed = 0
    planned = None
    with open(log, errors="replace") as f:
        for line in f:
            if re.match(r"ok\b", line):
                passed += 1
            elif re.match(r"not ok\b", line):
                failed += 1
            elif re.match(r"1\.\.\d+", line):
                planned = (planned or 0) + int(line[3:].split()[0])
    if planned is not None and planned > passed + failed:
        failed += planned - passed - failed
    if planned is None and passed + failed == 0 and status == 0:
        passed = 1
    if status != 0 and not failed:
        failed = 1
    return passed, failed


def meson_tests(folder, wanted, slower=1, args=(), more_env=None):
    """Runs the tests of a build whose suites meet `wanted`, with `args` behind their own and `more_env` beside."""
    listing = subprocess.run(["meson", "introspect", "--tests", folder], cwd=ROOT, capture_output=True, text=True, check=True)
    tests = [t for t in json.loads(listing.stdout) if {s.split(":")[-1] for s in t["suite"]} & wanted]

    def one(test):
        tier = next(s.split(":")[-1] for s in test["suite"] if s.split(":")[-1] in wanted)
        name = "%s %s %s" % (folder, tier, test["name"])
        test["cmd"] = test["cmd"] + list(args)
        test["env"] = dict(test["env"], **(more_env or {}))
        status, log = run(name, test["cmd"], test["timeout"] * slower, test["env"], test["workdir"] or ROOT)
        return name, test, status, log

    for name, test, status, log in in_parallel(one, tests):
        passed, failed = parse_tap(log, status) if test["protocol"] == "tap" else (int(status == 0), int(status != 0))
        env = "".join("%s=%s " % kv for kv in test["env"].items())
        count(name, passed, failed, log, env + " ".join(os.path.relpath(c, ROOT) if c.startswith(ROOT) else c for c in test["cmd"]))
    return len(tests)


def group_build(_):
    build("build")
    build("build-clang")


def group_unit(_):
    if build("build"):
        say("unit and property tests, replayed corpora")
        meson_tests("build", {"unit", "prop", "fuzz"}, 2)


def group_exhaustive(args):
    if build("build"):
        say("exhaustive checks")
        meson_tests("build", {"exhaustive"}, 10 if args.long else 2, ["wide"] if args.long else [])
    if args.long and build("build-asan"):
        meson_tests("build-asan", {"exhaustive"}, 10, (), ASAN_ENV)


def group_framac(args):
    say("Frama-C")
    for name, cmd in (("framac self-test", ["tests/framac/run", "--self-test"]), ("framac", ["tests/framac/run"] + (["--long"] if args.long else []))):
        status, log = run(name, cmd, 3600 if args.long else 600)
        count(name, *parse_tap(log, status), log, " ".join(cmd))


def group_sim(args):
    if not build("build"):
        return
    say("golden scenarios")
    meson_tests("build", {"sim", "scenario"}, 2)
    others = ["build-clang"] if build("build-clang") else []
    others += ["build-o0"] if build("build-o0", ["sim/jvsim"]) else []
    seeds = 20000 if args.long else 2000
    say("%d seeds" % seeds)
    cmd = ["tests/sim/run", "--seeds", str(seeds)] + [w for o in others for w in ("--also", o)] + ["build"]
    status, log = run("jvsim", cmd, 3600)
    passed, failed = parse_tap(log, status)
    count("jvsim", passed, failed, log, " ".join(cmd))
    print("".join("  " + l for l in open(log) if l.startswith("# ") and "worlds" in l), end="", flush=True)


def group_mutants(args):
    simple("mutants check", ["tests/mutants/run", "--check"], 60)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip() or "0"
    cmd = ["tests/mutants/run", "--scratch", os.path.join(os.path.relpath(LOGS, ROOT), "mutants")]
    cmd += [] if args.long else ["--seconds", str(MUTANTS_S), "--seed", commit]
    say("take out defences: %s" % ("all" if args.long else "in the order of commit %s" % commit[:12]))
    status, log = run("mutants", cmd, 3600 if args.long else 900)
    passed, failed = parse_tap(log, status)
    count("mutants", passed, failed, log, " ".join(cmd))
    with open(log, errors="replace") as f:
        say(([""] + f.read().splitlines())[-1])


ASAN_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


def group_models(args):
    say("models")
    commands = [["models/run"] + (["--long"] if args.long else [])]
    if build("build"):
        commands.append(["models/trace", "--seeds", "500" if args.long else "50"])
    for cmd in commands:
        status, log = run(cmd[0].replace("/", " "), cmd, 3600 if args.long else 1200)
        with open(log, errors="replace") as f:
            lines = f.read().splitlines()
        verdicts = [l.split(None, 1)[0] for l in lines if re.match(r"(ok|BAD) ", l)]
        for line in lines:
            if line.startswith("# ") or re.match(r"\S+ +\S+ +(safety|trace) ", line):
                print("  " + line.rsplit(": ", 1)[0], flush=True)
        failed = verdicts.count("BAD")
        count(cmd[0], verdicts.count("ok"), failed or int(status != 0), log, " ".join(cmd))


def group_asan(_):
    if build("build-asan"):
        say("unit and property tests under ASan and UBSan")
        meson_tests("build-asan", {"unit", "prop"}, 4, (), ASAN_ENV)


def group_ct(args):
    for folder in ["build", "build-ct"] if args.long else ["build"]:
        if build(folder):
            say("secrets under valgrind, %s" % folder)
            cmd = ["tests/ct/run", folder]
            status, log = run("ct " + folder, cmd, 600)
            passed, failed = parse_tap(log, status)
            count("ct " + folder, passed, failed, log, " ".join(cmd))


# Each with its reason.
NOT_UNDER_VALGRIND = {
    "wipe": "reads all of its memory, whatever is in it",
    "nonces": "five minutes of work there, and every line of it is in others",
    "resend": "did not end within eight minutes there",
    "sandbox": "valgrind 3.19 does not know seccomp(2)",
    "reader": "seccomp(2) as well",
    "runner": "nor pidfd_open(2)",
    "hooks": "pidfd_open(2) as well",
    "dns": "pidfd_open(2) as well",
}


def group_valgrind(args):
    """Takes long: with --long, or where it is asked for."""
    if not (args.long or args.only) or not build("build"):
        return
    say("unit tests under memcheck")
    listing = subprocess.run(["meson", "introspect", "--tests", "build"], cwd=ROOT, capture_output=True, text=True, check=True)
    folder = os.path.join(ROOT, "build", "tests") + os.sep
    tests = [t for t in json.loads(listing.stdout) if "unit" in {s.split(":")[-1] for s in t["suite"]}
             and t["cmd"][0].startswith(folder) and t["name"] not in NOT_UNDER_VALGRIND]
    wrapper = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite",
               "--show-leak-kinds=definite", "--suppressions=tests/valgrind.supp"]

    def one(test):
        name = "valgrind " + test["name"]
        status, log = run(name, wrapper + test["cmd"], 1800, test["env"], test["workdir"] or ROOT)
        return name, test, status, log

    for name, test, status, log in in_parallel(one, tests):
        count(name, int(status == 0), int(status != 0), log, " ".join(wrapper + test["cmd"]))


def group_coverage(args):
    """A build of its own: with --long, or where it is asked for."""
    if args.long or args.only:
        say("coverage")
        simple("coverage", ["tests/coverage", "--html"], 3600)


def group_perf(_):
    if not build("build"):
        return
    say("instructions of the hot path")
    status, log = run("perf", ["tests/perf/run", "build"], 600)
    if status == 77:
        with open(log, errors="replace") as f:
            say("  not run: " + f.read().strip())
        return
    passed, failed = parse_tap(log, status)
    count("perf", passed, failed, log, "tests/perf/run build")


def group_interop(_):
    if build("build"):
        say("a peer in Go")
        status, log = run("interop", ["tests/interop/run", "build"], 300)
        passed, failed = parse_tap(log, status)
        count("interop", passed, failed, log, "tests/interop/run build")


FUZZ_CORES = ["birth", "datagram", "pair", "sealed"]  # whole cores: slower, and worth more time
# Inputs made of the corpus in the short run: about eight seconds of a core for those above, three at most for the others.
FUZZ_RUNS = {"birth": 900, "datagram": 1100, "pair": 240, "sealed": 900, "auditfile": 15000, "chain": 25000, "config": 20000, "emutext": 75000,
             "ini": 120000, "netwatch": 80000, "policyfile": 50000, "reply": 150000, "verify": 30000, "wgfile": 60000}
FUZZ_RUNS_ELSE = 300000
FUZZ_SMOKE = {"pair": 400, "msg": 30000}  # executions by AFL++ too, to see that it works


def fuzz_tail(path, lines=24):
    """Of a fuzz target that failed: what it said before it aborted (the law and the record of a judge), the stack, and where the input is."""
    with open(path, errors="replace") as f:
        text = f.read().splitlines()
    at = next((i for i, l in enumerate(text) if re.search(r"^==\d+== ?ERROR|: runtime error: ", l)), None)
    if at is None:
        return tail(path)
    said = [l for l in text[:at] if not re.match(r"#\d+\s|INFO: |Dictionary: |\s+NEW_FUNC|\tNEW_FUNC|=+$|$", l)]
    stack = [l for l in text[at:at + 200] if re.match(r"==\d+== ?ERROR|\s+#\d+ ", l) or "runtime error" in l]
    stack = [l for l in stack if " fuzzer::" not in l and "__sanitizer_" not in l and "__libc_start" not in l]
    place = [l for l in text[at:] if "Test unit written to" in l or "SUMMARY" in l]
    shown = said[-6:] + stack[:lines] + place
    kept = next((m[1] for l in place for m in [re.search(r"Test unit written to (\S+)", l)] if m), None)
    if kept is not None and os.path.exists(os.path.join(ROOT, kept)) and os.path.getsize(os.path.join(ROOT, kept)) <= 4096:
        with open(os.path.join(ROOT, kept), "rb") as f:
            shown += ["input in base64: " + base64.b64encode(f.read()).decode()]
    return "\n".join("  | " + l for l in shown)


def executions(log):
    """What a log of libFuzzer or of tests/fuzz/afl says was run."""
    with open(log, errors="replace") as f:
        return sum(int(m[1]) for m in re.finditer(r"^(?:stat::number_of_executed_units:|afl \S+) +(\d+)", f.read(), re.M))


def group_fuzz(args):
    """libFuzzer under ASan and UBSan, and AFL++. The short run has a seed and a number of inputs, no clock: a tree passes always or never.
    With --long each target has five minutes, half by either: an hour on two cores, under a seed that is drawn and told."""
    if not build("build-asan"):
        return
    folder = os.path.join(ROOT, "build-asan", "tests")
    targets = sorted(f for f in os.listdir(folder) if f.startswith("fuzz_") and os.access(os.path.join(folder, f), os.X_OK)
                     and os.path.isfile(os.path.join(folder, f)))
    entries = [t[len("fuzz_"):] for t in targets]
    seed = random.SystemRandom().randrange(1, 1 << 31) if args.long else 1
    say("%d fuzz targets, %s, seed %d" % (len(targets), "five minutes each" if args.long else "a few seconds each", seed))
    total = {"libFuzzer": 0, "AFL++": 0}

    def by_libfuzzer(entry):
        """Gives what by_afl() gives: the kind, the name, the command, how it ended, its log, and how many executions it owes."""
        corpus = os.path.join("tests/fuzz/corpus", entry)
        inputs = sorted(os.listdir(os.path.join(ROOT, corpus))) if os.path.isdir(os.path.join(ROOT, corpus)) else []
        # The schedule of rare features costs more than a run of whole cores does.
        cmd = ["build-asan/tests/fuzz_" + entry, "-seed=%d" % seed, "-rss_limit_mb=4096", "-entropic=0", "-print_final_stats=1",
               "-artifact_prefix=%s/crash-%s-" % (os.path.relpath(LOGS, ROOT), entry)]
        words = "tests/fuzz/%s.dict" % entry
        if os.path.exists(os.path.join(ROOT, words)):
            cmd.insert(1, "-dict=" + words)
        if args.long:
            seconds, owed = 150, 1
            found = os.path.join(LOGS, "corpus", entry)
            os.makedirs(found, exist_ok=True)
            # A busy machine stops a process for long.
            cmd += ["-max_total_time=%d" % seconds, "-timeout=60", found] + ([corpus] if inputs else [])
        else:
            # The inputs in an order of their own, since that of a folder is the file system's; none of another run; and no operands of
            # comparisons as new inputs, since some are addresses. The times are guards: a machine may stop a process for minutes.
            seconds, owed = 1200, len(inputs) + FUZZ_RUNS.get(entry, FUZZ_RUNS_ELSE)
            names = os.path.join(LOGS, "corpus-%s.txt" % entry)
            with open(names, "w") as f:
                f.write(",".join(os.path.join(corpus, i) for i in inputs))
            cmd += ["-runs=%d" % owed, "-use_cmp=0", "-max_total_time=%d" % seconds, "-timeout=%d" % seconds]
            cmd += ["-seed_inputs=@" + os.path.relpath(names, ROOT)] if inputs else []
        return ("libFuzzer", "fuzz_" + entry, cmd) + run("fuzz_" + entry, cmd, seconds + 300, ASAN_ENV) + (owed,)

    def by_afl(entry):
        much, seconds = (["--seconds", "150"], 150) if args.long else (["--executions", str(FUZZ_SMOKE[entry])], 600)
        cmd = ["tests/fuzz/afl"] + much + ["--out", os.path.join(os.path.relpath(LOGS, ROOT), "afl"), entry]
        return ("AFL++", "afl " + entry, cmd) + run("afl " + entry, cmd, seconds + 900, ASAN_ENV) + (1,)

    # AFL++ builds once, before two of it would.
    if not simple("build build-afl", ["tests/fuzz/afl", "--build-only"] + ([] if args.long else list(FUZZ_SMOKE)), 1200, env=ASAN_ENV):
        return
    jobs = [(by_libfuzzer, e) for e in sorted(entries, key=lambda e: e not in FUZZ_CORES)]
    jobs += [(by_afl, e) for e in (entries if args.long else FUZZ_SMOKE)]
    for kind, name, cmd, status, log, owed in in_parallel(lambda job: job[0](job[1]), jobs):
        n = executions(log)
        total[kind] += n
        if status == 0 and n < owed:
            with open(log, "a") as f:
                f.write("\n%d of %d executions, and the time is over\n" % (n, owed))
        is_good = status == 0 and n >= owed
        count(name, int(is_good), int(not is_good), log, " ".join(cmd), fuzz_tail)
        if args.long:
            say("  %s: %d executions" % (name, n))
    say("fuzz: %d executions: %d by libFuzzer, %d by AFL++" % (sum(total.values()), total["libFuzzer"], total["AFL++"]))


def group_lint(args):
    say("lint")
    folder = os.path.join(ROOT, "tests", "lint")
    lints = sorted(f for f in os.listdir(folder) if os.access(os.path.join(folder, f), os.X_OK) and os.path.isfile(os.path.join(folder, f)))
    jobs = []
    for lint in lints:
        cmd = ["tests/lint/" + lint]
        if lint in LONG_LINTS and not args.long:
            continue
        if lint in ("symbols", "tidy", "analyzer"):
            if not build("build"):
                continue
            cmd += (["--deep"] if lint == "tidy" and args.long else []) + ["build"]
        jobs.append(("lint " + lint, cmd))
        if lint in ("layers", "symbols"):
            jobs.append(("lint %s self-test" % lint, ["tests/lint/" + lint, "--self-test"]))
    list(in_parallel(lambda job: simple(job[0], job[1], 1200), sorted(jobs, key=lambda job: job[0] not in ("lint tidy", "lint cppcheck"))))


def group_netns(_):
    if not build("build"):
        return
    folder = os.path.join(ROOT, "tests", "netns")
    scripts = sorted((f for f in os.listdir(folder) if re.match(r"\d{3}-.*\.sh$", f)), reverse=True)

    def one(script):
        say("netns %s" % script)
        status, log = run("netns " + script, ["bash", "tests/netns/" + script], NETNS_TIMEOUT_S, {"JV_BUILD": os.path.join(ROOT, "build")})
        if status == 77 and os.environ.get("JV_ALLOW_SKIP") == "1":
            say("  skipped %s" % script)
            return
        count("netns " + script, int(status == 0), int(status != 0), log, "tests/netns/" + script)

    def is_alone(script):
        with open(os.path.join(folder, script), encoding="utf-8") as f:
            return re.search(r"^# Alone: ", f.read(), re.M) is not None

    alone = [f for f in scripts if is_alone(f)]
    # Most of their time they wait.
    list(in_parallel(one, [f for f in scripts if f not in alone], CORES + 1))
    list(in_parallel(one, alone, 1))


def group_soak(args):
    """Takes an hour: with --long, or where it is asked for."""
    if not (args.long or args.only) or not build("build"):
        return
    say("soak")
    simple("soak self-test", ["tests/soak/run", "--self-test"], 300)
    simple("soak", ["tests/soak/run"], 3600 + 600)


def main():
    parser = argparse.ArgumentParser(prog="./check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="every tier at its widest, and those that wait for it")
    parser.add_argument("--only", action="append", metavar="GROUP", choices=list(GROUPS), help="only this group (may be repeated)")
    parser.add_argument("--list", action="store_true", help="show the groups")
    args = parser.parse_args()
    if args.list:
        for name, what in GROUPS.items():
            print("%-10s %s" % (name, what))
        return 0
    if sorted(["build"] + SIDE_BY_SIDE + ALONE) != sorted(GROUPS):
        sys.exit("check.py: a group has no place in SIDE_BY_SIDE and ALONE, or has two")
    os.makedirs(LOGS, exist_ok=True)
    os.chdir(ROOT)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    wanted = [g for g in GROUPS if not args.only or g in args.only]

    def one(group):
        here.group = group
        tallies[group] = [0, 0]
        began = time.monotonic()
        try:
            globals()["group_" + group](args)
        except Exception:  # what a group did not finish has not passed
            traceback.print_exc()
            with lock:
                tallies[group][1] += 1
                failures.append("%s: %s" % (group, "./check --only " + group))
        say("%s: %d passed, %d failed; took %d s" % (group, *tallies[group], time.monotonic() - began))

    if "build" in wanted:
        one("build")
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(one, [g for g in SIDE_BY_SIDE if g in wanted]))
    for group in [g for g in ALONE if g in wanted]:
        one(group)
    passed, failed = (sum(t[i] for t in tallies.values()) for i in (0, 1))
    say("all: %d s of a core" % processor_s())
    for failure in failures:
        print("failed: " + failure)
    print("%d passed, %d failed" % (passed, failed), flush=True)
    return 1 if failed or not passed else 0


sys.exit(main())
