# SPDX-License-Identifier: Apache-2.0
"""Rows of measurements, and Markdown tables of their medians."""
import statistics

import context

BUSY_CORES = 0.15  # a measure beside which others took more is left out


class Rows:
    """The measurements that a report counts, of one kind: those of the newest run that has any, without failures and busy rounds."""

    def __init__(self, rows, prefix, link=None, all_rounds=False):
        mine = [r for r in rows if r["scenario"].startswith(prefix) and link in (None, r["environment"]["network_profile"].get("link"))]
        self.run_id = mine[-1]["run_id"] if mine else None
        older = {r["run_id"] for r in mine} - {self.run_id}
        if older:
            context.say("%s%s: only run %s is reported, not %s" % (prefix, " " + link if link else "", self.run_id, ", ".join(sorted(older))))
        mine = [r for r in mine if r["run_id"] == self.run_id]
        self.failed = [r for r in mine if "error" in r]
        self.busy = [r for r in mine if not all_rounds and (r["environment"]["foreign_cores"] or 0) > BUSY_CORES and "error" not in r]
        self.rows = [r for r in mine if r not in self.failed and r not in self.busy]

    def names(self, scenario, key="peer"):
        return list(dict.fromkeys(r.get(key, "") for r in self.rows if r["scenario"] == scenario))

    def values(self, scenario, name, figure, key="peer"):
        found = [pick(r["summary"], figure) for r in self.rows if r["scenario"] == scenario and r.get(key, "") == name]
        return [v for v in found if v is not None]

    def median(self, scenario, name, figure, key="peer"):
        v = self.values(scenario, name, figure, key)
        return statistics.median(v) if v else None

    def ratio(self, scenario, name, figure, reference, key="peer"):
        a, b = (self.median(scenario, n, figure, key) for n in (name, reference))
        return a / b if a is not None and b else None

    def cell(self, scenario, name, figure, form="%.2f", scale=1, key="peer"):
        return cell([v * scale for v in self.values(scenario, name, figure, key)], form)

    def left_out(self):
        """Lines that say what is not in the tables, and why."""
        out = []
        if self.busy:
            out.append("Left out, other work ran beside: " + ", ".join("%s %s round %d" % (
                r["scenario"], r.get("case") or r["peer"], r["round"] + 1) for r in self.busy) + ".")
        out += ["Failed: %s %s round %d: %s" % (r["scenario"], r.get("case") or r["peer"], r["round"] + 1, r["error"].split("\n")[0][:160])
                for r in self.failed]
        return out


def pick(summary, figure):
    """A figure; that of an object inside is named object/member."""
    for part in figure.split("/"):
        summary = summary.get(part) if isinstance(summary, dict) else None
    return summary if isinstance(summary, (int, float)) and not isinstance(summary, bool) else None


def cell(values, form="%.2f"):
    """median [lowest..highest]"""
    if not values:
        return "-"
    m = form % statistics.median(values)
    return m if len(values) == 1 else "%s [%s..%s]" % (m, form % min(values), form % max(values))


def number(value, form="%.2f"):
    return "-" if value is None else form % value


def table(head, body):
    """Markdown; nothing where there is no row."""
    if not body:
        return ""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in body]
    return "\n".join(lines) + "\n"
