# SPDX-License-Identifier: Apache-2.0
"""Samples a device's counters inside a namespace, and what a series of them says of a dip.

As a program: bins.py SECONDS DEVICE[,DEVICE...], run by the jump measure inside a namespace; prints `time bytes...` each few ms.
"""
import os
import statistics
import sys
import time

BIN_MS, BEFORE_MS, AFTER_MS = 10, 1000, 3000


def sample(seconds, devices, step=0.002):
    """Prints the monotonic time and the bytes that each device received, until `seconds` are over."""
    try:
        os.nice(-19)  # the flow takes both cores
    except OSError:
        pass
    files = [os.open("/sys/class/net/%s/statistics/rx_bytes" % d, os.O_RDONLY) for d in devices]
    lines, end = [], time.monotonic() + seconds
    while True:
        now = time.monotonic()
        lines.append("%.6f %s" % (now, " ".join(os.pread(f, 32, 0).decode().strip() for f in files)))
        if now >= end:
            break
        time.sleep(step)
    print("\n".join(lines))


def rates(samples, column, at, bin_ms=BIN_MS, before_ms=BEFORE_MS, after_ms=AFTER_MS):
    """Gbit/s of each bin around the moment `at`; `samples` are tuples (time, bytes...). Between two samples bytes are spread evenly."""
    edges = [at + k * bin_ms / 1000 for k in range(-before_ms // bin_ms, after_ms // bin_ms + 1)]
    totals, i = [], 0
    for edge in edges:
        while i + 1 < len(samples) and samples[i + 1][0] < edge:
            i += 1
        t0, b0 = samples[i][0], samples[i][column]
        t1, b1 = (samples[i + 1][0], samples[i + 1][column]) if i + 1 < len(samples) else (t0, b0)
        share = min(1.0, max(0.0, (edge - t0) / (t1 - t0))) if t1 > t0 else 0.0
        totals.append(b0 + (b1 - b0) * share)
    return [round((b - a) * 8 / (bin_ms * 1e6), 4) for a, b in zip(totals, totals[1:])]


def dip(gbps, bin_ms=BIN_MS, before_ms=BEFORE_MS):
    """What a jump cost, from the rates around it. Figures that a steady flow has too: compare with the case none."""
    n = before_ms // bin_ms
    before, after = gbps[:n], gbps[n:]
    level = statistics.fmean(before)
    if level <= 0:
        return {"before_gbps": 0.0}
    longest = run = 0
    for g in after:
        run = run + 1 if g <= 0 else 0
        longest = max(longest, run)
    back, wide = None, max(1, 100 // bin_ms)
    low = next((i for i, g in enumerate(after) if g < level / 2), None)
    for i in range(low or 0, len(after) - wide + 1):
        if statistics.fmean(after[i:i + wide]) >= 0.9 * level:
            back = i * bin_ms
            break
    return {"before_gbps": round(level, 4), "after_gbps": round(statistics.fmean(after[-n:]), 4), "lowest_gbps": min(after),
            "lowest_before_gbps": min(before), "outage_ms": longest * bin_ms, "below_half_ms": sum(g < level / 2 for g in after) * bin_ms,
            "deficit_ms": round(max(0.0, sum(level - g for g in after) / level * bin_ms), 2), "back_ms": 0 if low is None else back}


if __name__ == "__main__":
    sample(float(sys.argv[1]), sys.argv[2].split(","))
