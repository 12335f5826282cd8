# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Our own microVM kernel, built from the fragments, boots in the lab; see tests/lab/cases.py.

    python3 tests/kernel/test_kernel.py BUILD [CASE...]

By all protocols that it offers, with all that the fragments promise, and in less than half the
time of Debian's cloud kernel.
"""

import pathlib
import re
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE)]

import own  # noqa: E402
from cases import LIMIT_S, NO_IOAPIC, QUIET, boot, expect, number_line, run, volt  # noqa: E402
from lab import pack  # noqa: E402

VMLINUX, BZIMAGE = "/lab/own/vmlinux", "/lab/own/bzImage"
SHELL = "/lab/initramfs-sh.cpio.gz"
SUFFIXES = (".cpio", ".gz", ".xz", ".zst", ".lz4")
FILESYSTEMS = ("ext4", "squashfs", "erofs", "iso9660", "vfat", "overlay", "fuse", "virtiofs", "9p",
               "tmpfs", "devtmpfs", "proc", "sysfs", "configfs", "cgroup2", "hugetlbfs", "autofs")
ROUNDS = 5


def _boot(lab, *words, kernel=VMLINUX, **how):
    return boot(lab, *words, kernel=kernel, **how)


def _by(protocol, *words):
    return ["--boot", protocol, "--log-level", "trace", *words]


def vmlinux_boots_by_the_linux_protocol(lab):
    output = _boot(lab, *_by("linux"), run="true")
    expect("kernel loaded: linux64 vmlinux" in output, "by another protocol", output)


def vmlinux_boots_by_pvh(lab):
    output = _boot(lab, *_by("pvh"), run="true")
    expect("kernel loaded: pvh" in output, "by another protocol", output)


def bzimage_boots_by_the_linux_protocol(lab):
    output = _boot(lab, *_by("linux"), kernel=BZIMAGE, run="true")
    expect("kernel loaded: linux64 bzImage" in output, "by another protocol", output)


def every_protocol_works_with_the_in_kernel_irqchip(lab):
    _boot(lab, NO_IOAPIC, run="true")
    _boot(lab, NO_IOAPIC, *_by("pvh"), run="true")
    _boot(lab, NO_IOAPIC, kernel=BZIMAGE, run="true")


def the_default_command_line_shows_warnings_alone(lab):
    output = _boot(lab, append="", run="true")
    expect("Linux version" not in output, "the console tells everything", output)


def the_whole_log_is_free_of_complaints(lab):
    output = _boot(lab, "--cpus 2", run="dmesg")
    expect("Linux version" in output and "-volt" in output, "no kernel log", output)
    for bad in ("BUG:", "Call Trace", "ACPI Error", "ACPI: Unable", "probe of", "failed with error",
                "Unable to calibrate", "Segmentation"):
        expect(bad not in output, f"the log has '{bad}'", output)


def the_clock_is_kvm_clock_and_nothing_is_calibrated(lab):
    output = _boot(lab, run="dmesg")
    for line in ("kvm-clock: Using msrs", "Switched to clocksource kvm-clock",
                 "TSC deadline timer available", "Calibrating delay loop (skipped)"):
        expect(line in output, f"no '{line}'", output)


def serial_port_and_keyboard_have_interrupts(lab):
    output = _boot(lab, run="cat /proc/interrupts")
    expect(re.search(r"IO-APIC\s+4-edge\s+ttyS0", output), "the serial port has no interrupt", output)
    expect(re.search(r"IO-APIC\s+1-edge\s+i8042", output), "the keyboard has no interrupt", output)


def a_second_serial_port_is_found_where_acpi_says(lab):
    output = _boot(lab, "--plugin serial --plugin i8042 --plugin acpipower --plugin exitport",
                   "--plugin ioapic --plugin serial,id=log,base=0x2f8,irq=3,console=file:/tmp/log",
                   run="cat /proc/tty/driver/serial")
    expect(re.search(r"1: uart:16550A port:0+2F8 irq:\d", output), "no second port", output)


def two_and_four_cpus_are_online(lab):
    for cpus in (2, 4):
        expect(number_line(_boot(lab, f"--cpus {cpus}", run="cpus")) == cpus, f"not {cpus} CPUs")


def two_cpus_are_online_by_pvh(lab):
    expect(number_line(_boot(lab, "--cpus 2 --boot pvh", run="cpus")) == 2, "not two CPUs")


def a_guest_without_acpi_boots_with_the_in_kernel_irqchip(lab):
    output = _boot(lab, NO_IOAPIC, "--cpus 2", append="quiet acpi=off", run="cpus")
    expect(number_line(output) == 2, "not two CPUs", output)


def memory_above_4_gib_is_seen(lab):
    output = _boot(lab, "--memory 5G", run="cat /proc/meminfo")
    total = int(re.search(r"MemTotal:\s+(\d+)", output)[1]) >> 10
    expect(4800 < total < 5120, f"{total} MiB", output)


def every_compression_of_an_initramfs_unpacks(lab):
    for suffix in SUFFIXES:
        output = _boot(lab, initrd=f"/lab/own/initramfs{suffix}", run="true")
        expect("Initramfs unpacking failed" not in output, suffix, output)


def file_systems_and_transports_are_there(lab):
    listed = _boot(lab, run="cat /proc/filesystems").split()
    missing = [name for name in FILESYSTEMS if name not in listed]
    expect(not missing, f"not in /proc/filesystems: {missing}", " ".join(listed))
    found = _boot(lab, run="ls /sys/bus/virtio/drivers /sys/bus/platform/drivers /sys/bus/pci/drivers")
    for name in ("virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "virtio_balloon", "virtio_pmem",
                 "virtiofs", "9pnet_virtio", "vmw_vsock_virtio_transport", "virtio-mmio",
                 "virtio-pci", "pvpanic-mmio"):
        expect(name in found.split(), f"no driver {name}", found)


def a_userland_with_a_network_of_its_own_works(lab):
    output = _boot(lab, initrd=SHELL, run="ip link set lo up && ip addr && ping -c 1 127.0.0.1 && "
                   "ping -c 1 ::1 && brctl addbr br0 && unshare -n ip link && "
                   "cat /proc/self/cgroup /proc/sys/net/netfilter/nf_conntrack_max && uname -r")
    expect(output.count("1 packets received") == 2, "no answer from the loopback device", output)
    expect("-volt" in output, "not our kernel", output)


def the_configuration_is_in_the_image_and_is_what_was_asked_for(lab):
    output = _boot(lab, initrd=SHELL, run="zcat /proc/config.gz")
    for option in ("CONFIG_PVH=y", "CONFIG_VIRTIO_MMIO=y", "# CONFIG_MODULES is not set"):
        expect(f"\n{option}" in output.replace("\r", ""), f"no {option}", output)


def a_panic_is_reported_by_its_own_code(lab):
    output = _boot(lab, status=112, run="echo c > /proc/sysrq-trigger")
    expect("panicked" in output, "the end is not explained", output)
    _boot(lab, initrd=None, append="panic=1 reboot=k", status=112, banner=False)


def power_off_reboot_and_status_come_through(lab):
    expect("turned itself off" in _boot(lab, run="poweroff"), "the end is not explained")
    _boot(lab, run="reboot", status=110)
    _boot(lab, run="false", status=1)


def ctrl_alt_del_shuts_the_guest_down_in_order(lab):
    session = lab.spawn(volt(kernel=VMLINUX))
    session.expect("volt# ", 90)
    session.send(b"\x01d")
    expect(session.wait(60) == 0, "Ctrl-A d did not power the guest off")


def _time(lab, kernel):
    """Seconds by the guest's clock to its banner, and of the whole monitor."""
    line = volt(kernel=kernel, append=QUIET, run="true")
    script = f"read a b </proc/uptime; {line} </dev/null || exit; read c d </proc/uptime; " \
        'echo "from $a to $c"'
    status, output = lab.run(script, LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    guest = float(re.search(r"VOLT VM READY uptime ([\d.]+)", output)[1])
    begun, ended = re.search(r"from ([\d.]+) to ([\d.]+)", output).groups()
    return guest, float(ended) - float(begun)


def it_boots_beside_debians_kernel(lab):
    """The ratio is printed and not judged: it depends on the machine. bench/ has the goal."""
    times = {"/lab/vmlinux": [], VMLINUX: []}
    for kernel in times:
        _time(lab, kernel)  # files are in the cache afterwards, for both
    for _ in range(ROUNDS):
        for kernel, runs in times.items():
            runs.append(_time(lab, kernel))
    debian, ours = ([statistics.median(part) for part in zip(*runs)] for runs in times.values())
    for what, theirs, our in zip(("by the guest's clock", "of the monitor"), debian, ours):
        print(f"       {what}: Debian's {theirs:.2f} s, ours {our:.2f} s, "
              f"ratio {our / theirs:.2f}", flush=True)


def _files(build):
    """Both images, and volt-init packed in every compression that the fragments offer."""
    started = time.monotonic()
    kernel = own.build()
    print(f"kernel {kernel['version']} after {time.monotonic() - started:.0f} s", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="volt-kernel-"))
    archive = pack.Archive()
    archive.skeleton()
    archive.file("/init", (pathlib.Path(build) / "volt-init" / "volt-init").read_bytes(), 0o755)
    files = {VMLINUX: kernel["vmlinux"], BZIMAGE: kernel["bzImage"]}
    for suffix in SUFFIXES:
        path = folder / f"initramfs{suffix}"
        path.write_bytes(pack.compress(archive.cpio(), suffix))
        files[f"/lab/own/initramfs{suffix}"] = path
    return files


if __name__ == "__main__":
    run(globals(), files=_files(sys.argv[1]))
