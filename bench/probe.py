# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What probing the keyboard controller costs a guest, by the guest's own log.

The machine of the lab counts instructions instead of time (QEMU's -icount, one nanosecond each,
a CPU of one instruction per cycle at 1 GHz), so that the guest's time stamps do not depend on how
busy this host is: two runs give the same figure.
"""

import re
import sys

from kit import ROOT, Problem, Table, say

sys.path.insert(0, str(ROOT / "tests" / "lab"))
import cases  # noqa: E402
import lab as labs  # noqa: E402

TITLE = "Keyboard probe"
GOAL_MS = 10
LIMIT_S = 300
STAMP = re.compile(r"\[\s*(\d+\.\d+)\] (?:i8042: PNP|serio: i8042)")


class CountingLab(labs.Lab):
    def boot(self, timeout=10 * labs.BOOT_LIMIT_S):
        """One thread for all of the machine, which takes the longer to come up."""
        return super().boot(timeout)

    def command(self, kernel):
        words = super().command(kernel)
        words[words.index("-accel") + 1] = "tcg,thread=single"
        return words + ["-icount", "shift=0,sleep=off"]


def stamps(lab):
    """Only the lines of interest leave the machine: its port to the outside once stood still under
    -icount with all of the log in it."""
    output = lab.check(cases.volt(run="dmesg") +
                       " </dev/null >/tmp/out 2>&1; grep i8042 /tmp/out", LIMIT_S)
    found = [float(stamp) for stamp in STAMP.findall(output)]
    if len(found) < 3:
        raise Problem(f"the guest found no keyboard controller: {output[-400:]}")
    return found


def measure(bench):
    say("probe: Linux looks for a keyboard, in a lab that counts instructions")
    with CountingLab(build=bench.build) as lab:
        found = stamps(lab)
    cost = 1000 * (found[-1] - found[0])
    text = (f"Goal: under {GOAL_MS} ms at 1 GHz, from the line that names the controller to that "
            f"of its last port. Measured: {cost:.3f} ms.")
    return {"text": text,
            "goals": [("keyboard probe", f"{GOAL_MS} ms", f"{cost:.3f} ms", cost / GOAL_MS)],
            "tables": [Table("Linux's probe of the controller", ["", "ms at 1 GHz"],
                             [["i8042 to its last port", f"{cost:.3f}"]])],
            "plots": [], "data": {"ms": cost}}
