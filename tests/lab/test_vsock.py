# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel and programs of the host talk over virtio-vsock, both ways."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import NO_IOAPIC, expect, run, started, volt
from lab import ROOT, LabError, LabUnavailable, busybox, fetch, module_files

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD, TOOL, SOCKET = "/lab/vsock.cpio.gz", "/lab/vsock_tool", "/tmp/vm.vsock"
MIB = int(os.environ.get("VOLT_VSOCK_MIB", "16"))  # in each direction of each bulk
LIMIT_S = 300 + 2 * MIB


def _call(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise LabError(f"{command[0]} failed: {done.stderr}")


def _pack(folder):
    """volt-init with the tool, and the modules of Debian's kernel."""
    tool, output = folder / "vsock_tool", folder / "initramfs.cpio.gz"
    _call(["cc", "-O2", "-static", "-D_GNU_SOURCE", "-o", tool, Path(__file__).with_name("vsock_tool.c")])
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init"]
    command += ["--add", f"{busybox()}=/bin/busybox", "--add", f"{tool}=/bin/vsock_tool", "--link", "/bin/sh=busybox",
                "--link", "/bin/sleep=busybox"]
    modules = ["virtio_mmio", "virtio_pci", "vmw_vsock_virtio_transport"]
    for path in module_files(fetch()["modules"], modules):
        command += ["--module", path]
    _call([*command, "-o", output])
    return output, tool


def _talk(lab, connections, *words):
    lab.check(f"rm -f {SOCKET} {SOCKET}_80")
    lab.check(f"{TOOL} host {SOCKET} {connections} {MIB} >/tmp/host.log 2>&1 & true")
    line = volt(*words, f"--plugin virtio-vsock,path={SOCKET}", initrd=INITRD,
                run=f"vsock_tool guest {connections} {MIB}")
    status, output = lab.run(f"{line} </dev/null; s=$?; wait; cat /tmp/host.log; exit $s", LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    for text in (f"guest to host: {MIB << 20} bytes and back", f"guest: served {connections + 1} connections",
                 f"host: {connections} connections are open", f"host to guest: {MIB << 20} bytes and back"):
        expect(text in output, f"no line \"{text}\"", output)
    lab.check("while grep -q volt-broker /proc/[0-9]*/comm 2>/dev/null; do sleep 0.1; done")  # it ends with volt


def bytes_and_a_thousand_connections_over_mmio(lab):
    _talk(lab, 1000, NO_IOAPIC)


def bytes_and_many_connections_over_pci_with_ioapic(lab):
    _talk(lab, 100, NO_IOAPIC + " --plugin ioapic --plugin pci")


def guest_outlives_a_killed_peer_and_a_killed_broker(lab):
    """The first program of the host is killed while it has a connection, then a second one serves
    the guest, then the broker is killed, and the guest goes on without new connections."""
    guest = ("vsock_tool guest 1 4000; echo first=$?; until vsock_tool probe; do sleep 0.1; done; "
             "vsock_tool guest 1 1; echo second=$?; while vsock_tool probe; do sleep 0.1; done; echo third; sleep 0.1")
    line = volt(NO_IOAPIC, f"--plugin virtio-vsock,path={SOCKET}", initrd=INITRD, run=guest)
    script = f"""
rm -f {SOCKET}*
{TOOL} host {SOCKET} 1 4000 >/tmp/host.log 2>&1 & h=$!
{started(f"timeout {LIMIT_S} {line}")}
await() {{ while kill -0 $v 2>/dev/null && ! grep -q "$1" /tmp/out; do sleep 0.1; done; }}
await 'guest: connected'
kill -9 $h
await first=1
rm -f {SOCKET}_80
{TOOL} host {SOCKET} 1 1 >>/tmp/host.log 2>&1 &
until test -S {SOCKET}_80; do sleep 0.1; done
{TOOL} keep {SOCKET} & k=$!
await second=0
for p in /proc/[0-9]*; do grep -qx volt-broker $p/comm 2>/dev/null && kill -9 ${{p#/proc/}}; done
wait $v; s=$?; kill $k; cat /tmp/out /tmp/host.log; exit $s"""
    status, output = lab.run(script, LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    for text in ("first=1", "second=0", "third", "the process volt-broker has ended"):
        expect(text in output, f"no line \"{text}\"", output)


def agent_runs_a_command_and_ends_the_guest(lab):
    line = volt(NO_IOAPIC, f"--plugin virtio-vsock,path={SOCKET}", initrd=INITRD,
                append='quiet loglevel=0 volt.agent=1024 volt.run="sleep 1000"')
    until = f"until grep -q 'VM READY' /tmp/out; do sleep 0.1; done; {TOOL} agent {SOCKET}"
    status, output = lab.run(f"rm -f {SOCKET}; {started(line)}; {until}; wait $v; "
                             f"s=$?; cat /tmp/out; exit $s", LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    said = output.replace("agent: ", "")  # stands before each frame, however the lines come in frames
    expect("/proc\nguest\nstatus 7\n" in said, "not the command's output and status", output)


def the_agents_word_makes_the_guest_ready(lab):
    """volt-init says it when the agent listens, by vsock; the agent then ends the guest."""
    line = volt(NO_IOAPIC, f"--plugin virtio-vsock,path={SOCKET}", f"--ready-socket {SOCKET}_1025",
                initrd=INITRD, append='quiet loglevel=0 volt.agent=1024 volt.ready=1025 volt.run="sleep 1000"')
    until = "while kill -0 $v && ! grep -q 'VM READY' /tmp/out; do sleep 0.3; done"
    status, output = lab.run(f"rm -f {SOCKET}; {started(f'timeout 200 {line}')}; {until}; "
                             f"timeout 60 {TOOL} agent {SOCKET}; wait $v; s=$?; cat /tmp/out; ls {SOCKET}_1025 2>&1; exit $s",
                             LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    expect("the guest is ready" in output, "nobody said that the guest is ready", output)
    expect("volt.ready: cannot" not in output, "volt-init could not tell it", output)
    expect("No such file" in output, "the ready socket was left behind", output)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as name:
        try:
            packed, program = _pack(Path(name))
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        run(globals(), files={INITRD: packed, TOOL: program})
