# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Collects and sums up what scripts/check ran.

usage: results.py collect RESULTS PART LOG TESTS SUITE... [--no-suite=SUITE] [--time-is-up]
       results.py summary RESULTS TIMES

RESULTS has a line per test: part, result (pass, fail or skip), name, reason, seconds, apart by
tabs. LOG is meson's testlog.json, TESTS what `meson introspect --tests` printed: a suite named
here that has no test is a failure, and when the time was up so is each test that did not run.
TIMES has a line per part: part, exit status, seconds.
"""

import collections
import json
import os
import re
import sys

SLOWEST = 8
MUST_WORK = os.environ.get("VOLT_MUST_WORK") == "1"
RESULTS = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}  # all else: fail
CMOCKA_SKIP = re.compile(r"^\[  SKIPPED \] (?!\d+ test)(?:\S+: )?(\w+)$", re.MULTILINE)


def last_line(test):
    printed = f"{test.get('stderr') or ''}\n{test.get('stdout') or ''}"
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return lines[-1].removeprefix("skipped: ") if lines else "gave no reason"


def rows_of(test):
    """One row for the test, and one for each case that cmocka skipped inside it."""
    result = RESULTS.get(test["result"], "fail")
    reason = ""
    if result == "skip":
        reason = last_line(test)
    elif result == "fail":
        reason = f"{test['result'].lower()}, status {test.get('returncode')}"
    yield result, test["name"], reason, f"{test.get('duration') or 0:.1f}"
    printed = f"{test.get('stdout') or ''}\n{test.get('stderr') or ''}"
    for case in sorted(set(CMOCKA_SKIP.findall(printed))):
        yield "skip", f"{test['name']}: {case}", "skipped by the test itself", ""


def suites_of(test):
    """Without the project's name."""
    return {suite.rpartition(":")[2] for suite in test["suite"]}


def not_run(listing, rows, suites, left_out):
    """Returns the requested tests that have no row."""
    ran = {name.rpartition(" / ")[2] for _, name, _, _ in rows}
    for test in listing:
        if suites_of(test) & suites and not suites_of(test) & left_out and test["name"] not in ran:
            yield "fail", test["name"], "not run: the time was up", ""


def collect(path, part, log, tests, *words):
    suites = [word for word in words if not word.startswith("--")]
    left_out = {word.partition("=")[2] for word in words if word.startswith("--no-suite=")}
    with open(log, encoding="utf-8") as lines:
        rows = [row for line in lines for row in rows_of(json.loads(line))]
    with open(tests, encoding="utf-8") as listing:
        listing = json.load(listing)
    have = set().union(*map(suites_of, listing))
    rows += [("fail", f"suite {suite}", "has no test", "") for suite in suites if suite not in have]
    if "--time-is-up" in words:
        rows += list(not_run(listing, rows, set(suites), left_out))
    with open(path, "a", encoding="utf-8") as out:
        for result, name, reason, seconds in rows:
            print(part, result, name, reason.replace("\t", " "), seconds, sep="\t", file=out)
    return any(row[0] == "fail" or (MUST_WORK and row[0] == "skip") for row in rows)


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def judged(row):
    part, result, name, reason, seconds = row
    if MUST_WORK and result == "skip":
        return [part, "fail", name, f"skipped, and VOLT_MUST_WORK=1 forbids it: {reason}", seconds]
    return row


def part_line(part, status, seconds, count):
    if status == "left out":
        return f"{part:<10} {status}"
    result = "ok" if status == "0" and not count["fail"] else "FAILED"
    return (f"{part:<10} {result:<8} {count['pass']:>6} {count['fail']:>6} {count['skip']:>7} "
            f"{float(seconds):>8.1f}")


def summary(results, times):
    rows = [judged(row) for row in read(results)]
    parts = read(times)
    failed = False
    print(f"{'part':<10} {'result':<8} {'passed':>6} {'failed':>6} {'skipped':>7} {'seconds':>8}")
    for part, status, seconds in parts:
        count = collections.Counter(row[1] for row in rows if row[0] == part)
        if status not in ("0", "left out") and not count["fail"]:
            rows.append([part, "fail", "the part itself", f"ended with status {status}", ""])
            count["fail"] = 1
        failed = failed or count["fail"] > 0
        print(part_line(part, status, seconds, count))
    timed = sorted((row for row in rows if row[4]), key=lambda row: -float(row[4]))
    for part, _, name, _, seconds in timed[:SLOWEST]:
        print(f"slowest: {float(seconds):>6.1f} s {part}: {name}")
    for result, heading in (("skip", "skipped"), ("fail", "failed")):
        for part, _, name, reason, _ in (row for row in rows if row[1] == result):
            print(f"{heading}: {part}: {name}: {reason}")
    total = collections.Counter(row[1] for row in rows)
    print(f"\n{total['pass']} passed, {total['fail']} failed, {total['skip']} skipped")
    return failed or not total["pass"]


COMMANDS = {"collect": collect, "summary": summary}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    sys.exit(1 if COMMANDS[sys.argv[1]](*sys.argv[2:]) else 0)
