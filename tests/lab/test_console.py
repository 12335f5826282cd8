# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel has its console, and a named port, on virtio-console."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import LIMIT_S, NO_IOAPIC, boot, expect, run, volt
from lab import ROOT, LabError, LabUnavailable, busybox, fetch, module_files

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD, TOOL, SOCKET = "/lab/console.cpio.gz", "/lab/port_tool", "/tmp/vm.port"
ALONE = "--plugin i8042 --plugin acpipower --plugin exitport --cmdline 'console=hvc0 reboot=k panic=1'"
PCI = " --plugin ioapic --plugin pci"
COUNT = 256 << 10
# One open file serves both directions: a port has one opener at a time.
ECHO = f"exec 3<>/dev/vport0p1; dd bs=4096 count={COUNT // 4096} iflag=fullblock <&3 >&3 2>/dev/null"


def _call(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise LabError(f"{command[0]} failed: {done.stderr}")


def _pack(folder):
    tool, output = folder / "port_tool", folder / "initramfs.cpio.gz"
    _call(["cc", "-O2", "-static", "-D_GNU_SOURCE", "-o", tool, Path(__file__).with_name("port_tool.c")])
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init"]
    command += ["--add", f"{busybox()}=/bin/busybox"]
    for name in ("sh", "cat", "dd", "seq"):
        command += ["--link", f"/bin/{name}=busybox"]
    for path in module_files(fetch()["modules"], ["virtio_mmio", "virtio_pci", "virtio_console"]):
        command += ["--module", path]
    _call([*command, "-o", output])
    return output, tool


def _console(lab, words):
    """Nothing else prints: the banner, the kernel's own list, and lines without a gap."""
    output = boot(lab, ALONE + words, "--plugin virtio-console", initrd=INITRD, append="quiet loglevel=0",
                  run="cat /proc/consoles; seq 1 400")
    expect(re.search(r"^hvc0 +-W- \(.*E.*C", output, re.MULTILINE), "hvc0 is not the console", output)
    numbers = [int(text) for text in re.findall(r"^(\d+)\r?$", output, re.MULTILINE)]
    expect(numbers == list(range(1, 401)), "lines are missing", output)


def hvc0_is_the_console_over_mmio(lab):
    _console(lab, "")


def hvc0_is_the_console_over_pci_with_ioapic(lab):
    _console(lab, PCI)


def _port(lab, words):
    lab.check(f"rm -f {SOCKET}; {TOOL} {SOCKET} {COUNT} >/tmp/port.log 2>&1 & true")
    plugin = f"--plugin virtio-console,console=null,port1=unix:{SOCKET},name1=org.volt.test"
    line = volt(NO_IOAPIC + words, plugin, initrd=INITRD,
                run=f"cat /sys/class/virtio-ports/vport0p1/name; {ECHO}")
    status, output = lab.run(f"{line} </dev/null; s=$?; wait; cat /tmp/port.log; exit $s", LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    expect(re.search(r"^org\.volt\.test\r?$", output, re.MULTILINE), "the port has another name", output)
    expect(f"port: {COUNT} bytes and back" in output, "bytes were lost", output)


def bytes_go_through_a_named_port_over_mmio(lab):
    _port(lab, "")


def bytes_go_through_a_named_port_over_pci_with_ioapic(lab):
    _port(lab, PCI)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as name:
        try:
            packed, program = _pack(Path(name))
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        run(globals(), files={INITRD: packed, TOOL: program})
