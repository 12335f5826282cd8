# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Linux is paused at random moments while it writes to its console, and notices nothing.

The test plugin tests/guest/plugins/pauser.c pauses. Linux does without its watchdog on CPUs that
have no performance counters, but its soft lockup detector runs on the timer.
"""

import random
import re
import sys
from pathlib import Path

from cases import NO_IOAPIC, boot, expect, run

SHELL = "/lab/initramfs-sh.cpio.gz"
LOG = "/tmp/log"
PAUSES = 200
LINES = 1000
SEED = random.randrange(1, 2**31)
PAUSER = "--plugin /lab/pauser.so,every=20000,hold=5000,seed="
# Every line has its number, and the checksum of what the guest meant to write follows.
LOAD = (f"i=0; while test $i -lt {LINES}; do echo line $i of the console; i=$((i+1)); done; sleep 1; "
        "dmesg | grep -v volt.run | grep -e soft.lockup -e blocked.for -e self-detected -e as.unstable.because; echo looked")


def _paused(lab, words, seed):
    """Boots one guest, checks its console, and says how often it was paused."""
    words += " --log-level debug"
    output = boot(lab, words, PAUSER + str(seed), f"2>{LOG}", initrd=SHELL, run=LOAD,
                  append="loglevel=5")
    lines = re.findall(r"^line (\d+) of the console\r?$", output, re.MULTILINE)
    expect(lines == [str(n) for n in range(LINES)], f"lost or doubled lines (seed {seed})", output)
    after = output[output.rindex(" of the console"):].splitlines()[1:]
    expect(after == ["looked"], f"the guest noticed a pause (seed {seed})", output)
    counted = lab.check(f"grep 'pauser: pauses' {LOG}").split()
    expect(counted, "volt does not say how many pauses there were")
    return int(counted[-1])


def _pauses(lab, words):
    paused, seed = 0, SEED
    while paused < PAUSES:
        found = _paused(lab, words, seed)
        expect(found > 0, "no pause")
        paused += found
        seed += 1
    print(f"{paused} pauses in {seed - SEED} guests from seed {SEED}", flush=True)


def one_vcpu_with_the_in_kernel_irqchip_notices_nothing(lab):
    _pauses(lab, NO_IOAPIC)


def two_vcpus_with_ioapic_notice_nothing(lab):
    _pauses(lab, NO_IOAPIC + " --plugin ioapic --cpus 2")


if __name__ == "__main__":
    run(globals(), files={"/lab/pauser.so": Path(sys.argv[1]) / "tests/guest/pauser.so"})
