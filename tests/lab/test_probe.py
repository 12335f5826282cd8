# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What probing the keyboard controller costs a guest, by the guest's own log.

The outer machine counts instructions instead of time (QEMU's -icount, one nanosecond each, a
CPU of one instruction per cycle at 1 GHz), so that the guest's time stamps do not depend on how
busy this host is: two runs give the same figure.
"""

import re

from cases import expect, run, volt
from lab import Lab


class CountingLab(Lab):
    def command(self, kernel):
        words = super().command(kernel)
        words[words.index("-accel") + 1] = "tcg,thread=single"
        return words + ["-icount", "shift=0,sleep=off"]


def the_keyboard_probe_costs_under_10_ms(lab):
    """From the line that names the controller to that of its last port."""
    # Only the lines of interest leave the machine: its port to the outside once stood still
    # under -icount with all of the log in it.
    output = lab.check(volt(run="dmesg") + " </dev/null >/tmp/out 2>&1; grep i8042 /tmp/out", 150)
    stamps = [float(stamp) for stamp in re.findall(
        r"\[\s*(\d+\.\d+)\] (?:i8042: PNP|serio: i8042)", output)]
    expect(len(stamps) >= 3, "the keyboard controller was not found", output)
    cost = 1000 * (stamps[-1] - stamps[0])
    print(f"       keyboard probe {cost:.3f} ms")
    expect(cost < 10, f"the probe took {cost:.1f} ms")


if __name__ == "__main__":
    run(globals(), kind=CountingLab)
