# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel gives memory back by virtio-balloon, and has it again."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import NO_IOAPIC, expect, run, volt
from lab import ROOT, LabError, LabUnavailable, busybox, fetch, module_files

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD = "/lab/balloon.cpio.gz"
LIMIT_S = 500
FILL_MIB = 64

# A file in memory is filled and removed; each step waits for a line on the console. Free memory is
# reported in blocks of 2 MiB: what the file took of smaller ones was there before, and stays.
GUEST = f"""#!/bin/sh
yes volt | dd of=/part.MiB bs=1M count=1 iflag=fullblock 2>/dev/null
fill() {{
	for i in $(seq {FILL_MIB}); do cat /part.MiB; done >/fill
	echo "$1 $(md5sum </fill)"
}}
fill FILLED
read line
rm /fill
echo FREED
read line
fill AGAIN
read line
rm /fill
echo IDLE
read line
fill LAST
"""

# What the host does meanwhile; $1 is how volt is started.
HOST = f"""
rm -f /tmp/in /tmp/out /tmp/ctl.sock; mkfifo /tmp/in
$1 </tmp/in >/tmp/out 2>&1 & pid=$!
exec 3>/tmp/in
die() {{ echo "$1"; kill $pid; exit 1; }}
rss() {{ sed -n 's/VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status; }}
ask() {{ volt ctl /tmp/ctl.sock "$@"; }}
until_true() {{
	what=$1; shift
	for i in $(seq 600); do
		eval "$@" && return
		kill -0 $pid || die "volt ended before: $what"
		sleep 0.3
	done
	die "never came: $what; VmRSS $full kB when full, $(rss) kB now"
}}
until_true "a full guest" grep -q FILLED /tmp/out
full=$(rss)
echo "VmRSS $full kB when full"
echo >&3
until_true "less memory after reports" '[ $(rss) -lt $((full - {FILL_MIB * 1024 // 3})) ]'
low=$(rss)
echo "VmRSS $low kB after reports"
echo >&3
until_true "a guest that is full again" grep -q AGAIN /tmp/out
[ $(rss) -gt $((low + {FILL_MIB * 1024 // 4})) ] || die "a full guest, and VmRSS $(rss) kB, after $low kB"
echo >&3
until_true "an idle guest" grep -q IDLE /tmp/out
ask virtio-balloon.target size=64M || die "no target"
until_true "a balloon of 64 MiB" 'ask virtio-balloon.stats | grep -q "actual.*67108864"'
until_true "statistics" 'ask virtio-balloon.stats | grep -q total'
ask virtio-balloon.target size=0 || die "no target"
until_true "an empty balloon" 'ask virtio-balloon.stats | grep -q "actual[^0-9]*0$"'
echo >&3
wait $pid; status=$?
ask virtio-balloon.stats 2>/dev/null; cat /tmp/out; exit $status
"""


def _pack(folder):
    """volt-init with BusyBox, the guest's part, and the modules of Debian's kernel."""
    output, part = folder / "initramfs.cpio.gz", folder / "part"
    part.write_text(GUEST)
    part.chmod(0o755)
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init",
               "--add", f"{busybox()}=/bin/busybox", "--add", f"{part}=/part"]
    for name in ("sh", "dd", "rm", "cat", "md5sum", "seq", "yes"):
        command += ["--link", f"/bin/{name}=busybox"]
    for path in module_files(fetch()["modules"], ["virtio_mmio", "virtio_pci", "virtio_balloon"]):
        command += ["--module", path]
    done = subprocess.run([str(word) for word in [*command, "-o", output]], capture_output=True,
                          text=True, timeout=60)
    if done.returncode:
        raise LabError(f"pack.py failed: {done.stderr}")
    return output


def _give_and_take(lab, *words):
    line = volt(*words, "--log-level debug --memory 256M --plugin virtio-balloon --plugin control,socket=unix:/tmp/ctl.sock",
                initrd=INITRD, run="/part")
    lab.write("/tmp/host.sh", HOST.encode())
    lab.write("/tmp/vm.sh", f"exec {line}\n".encode())
    status, output = lab.run("sh /tmp/host.sh 'sh /tmp/vm.sh' || { s=$?; cat /tmp/out; exit $s; }",
                             LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    sums = {line.split()[1] for line in output.splitlines()
            if line.startswith(("FILLED ", "AGAIN ", "LAST "))}
    expect(len(sums) == 1, f"a file in memory is not as it was written: {sums}", output)


def memory_goes_and_comes_over_mmio(lab):
    _give_and_take(lab, NO_IOAPIC)


def memory_goes_and_comes_over_pci_with_ioapic(lab):
    _give_and_take(lab, NO_IOAPIC + " --plugin ioapic --plugin pci")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as name:
        try:
            packed = _pack(Path(name))
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        run(globals(), files={INITRD: packed})
