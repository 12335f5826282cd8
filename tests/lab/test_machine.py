# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Memory sizes, the ways in which a guest ends, the prompt, and the seal around it."""

import re

from cases import LIMIT_S, NO_IOAPIC, QUIET, boot, expect, number_line, run, volt

LONG_S = 300  # of several programs one after the other


def _memory(lab, size, low_mib, high_mib):
    kib = number_line(boot(lab, f"--memory {size}", run="mem"))
    expect(low_mib * 1024 <= kib <= high_mib * 1024, f"MemTotal {kib} kB for {size}")


def memory_of_128_mib_is_seen(lab):
    _memory(lab, "128M", 80, 128)


def memory_of_512_mib_is_seen(lab):
    _memory(lab, "512M", 440, 512)


def memory_above_4_gib_is_seen(lab):
    _memory(lab, "5G", 4700, 5120)


def a_panic_without_root_ends_with_the_code_of_a_reset(lab):
    output = boot(lab, initrd=None, append="panic=1 reboot=k", status=110, banner=False)
    expect("Kernel panic - not syncing: VFS: Unable to mount root fs" in output, "no panic", output)
    expect("the guest asked for a reset (i8042 command 0xFE); exit code 110" in output,
           "the end is not explained", output)


def a_panic_that_the_guest_reports_has_its_own_code(lab):
    output = boot(lab, initrd="/lab/initramfs-panic.cpio.gz", status=112,
                  run="echo c > /proc/sysrq-trigger")
    expect("panicked" in output, "the end is not explained", output)


def the_status_of_a_command_comes_through(lab):
    boot(lab, run="false", status=1)
    boot(lab, initrd="/lab/initramfs-sh.cpio.gz", run="exit 42", status=42)


def words_behind_two_dashes_are_the_commands_own(lab):
    output = boot(lab, initrd="/lab/initramfs-sh.cpio.gz", status=3,
                  append=QUIET + ' volt.run="echo $# $1 $2.; exit 3" -- a b')
    expect("2 a b." in output, "the words did not come, or others too", output)


def a_command_killed_by_a_signal_ends_with_128_plus_its_number(lab):
    boot(lab, initrd="/lab/initramfs-sh.cpio.gz", run="kill -9 $$", status=137)


def power_off_ends_with_zero(lab):
    output = boot(lab, run="poweroff")
    expect("turned itself off" in output, "the end is not explained", output)


def a_reboot_ends_with_the_code_of_a_reset(lab):
    boot(lab, run="reboot", status=110)


def a_triple_fault_has_its_own_code(lab):
    boot(lab, append=QUIET + " reboot=t", run="reboot", status=111)


def _started(line):
    """A script that starts volt and waits for its guest; an earlier output is not taken for this one's."""
    return f": >/tmp/out; {line} </dev/null >/tmp/out 2>&1 & pid=$!; " \
        "while kill -0 $pid && ! grep -q READY /tmp/out; do sleep 0.3; done; "


def sigterm_ends_the_vm_and_is_named(lab):
    script = _started(volt()) + "kill -TERM $pid; wait $pid; status=$?; cat /tmp/out; exit $status"
    status, output = lab.run(script, LIMIT_S)
    expect(status == 143, f"exit status {status}", output)
    expect("ended by SIGTERM; exit code 143" in output, "the end is not explained", output)


def stop_by_name_turns_linux_off_in_order(lab):
    """By Ctrl-Alt-Del, which i8042 types and volt-init takes for a wish to end."""
    line = volt("--name web --plugin default --plugin serial,console=null")
    wait = "while kill -0 $vm && ! grep -qs 'boot mark 0x52' volt/web.log; do sleep 0.3; done"
    status, output = lab.run(
        f"cd /tmp; rm -rf volt; export XDG_RUNTIME_DIR=/tmp; {line} </dev/null >/tmp/out 2>&1 & "
        f"vm=$!; cd /tmp; export XDG_RUNTIME_DIR=/tmp; {wait}; volt ps; volt stop --timeout 60 web; "
        "status=$?; wait; echo stop ended with $status; volt ps --all --json; cat /tmp/out; "
        "rm -rf volt; exit $status", LONG_S)
    expect(status == 0, f"exit status {status}", output)
    expect('"cause":"poweroff"' in output.replace(" ", ""), "Linux did not turn itself off", output)
    expect("by force" not in output, "it was ended by force", output)


def typing_at_the_prompt_works(lab):
    session = lab.spawn(volt())
    session.expect("VOLT VM READY", 90)
    session.expect("volt# ", 30)
    session.send("echo one 'two  words'\n")
    session.expect("one two  words", 20)
    session.expect("volt# ", 20)
    text = "0123456789abcdef" * 12
    session.send(f"echo {text}\n")
    session.expect(re.compile(rb"\r\n" + text.encode() + rb"\r\n"), 30)
    session.send("exit 5\n")
    expect(session.wait(30) == 5, "the status of exit did not come through")


def the_escape_key_quits(lab):
    session = lab.spawn(volt())
    session.expect("volt# ", 90)
    session.send(b"\x01x")
    expect(session.wait(20) == 113, "Ctrl-A x did not quit")


def ctrl_alt_del_shuts_the_guest_down_in_order(lab):
    session = lab.spawn(volt())
    session.expect("volt# ", 90)
    session.send(b"\x01d")
    expect(session.wait(60) == 0, "Ctrl-A d did not power the guest off")


def the_shell_of_a_guest_that_has_one_is_used(lab):
    session = lab.spawn(volt(initrd="/lab/initramfs-sh.cpio.gz"))
    session.expect("VOLT VM READY", 90)
    session.send("echo sum $((40 + 2))\n")
    session.expect("sum 42", 30)
    session.send("poweroff -f\n")
    expect(session.wait(30) == 0, "BusyBox's poweroff did not")


def every_thread_of_a_running_vm_is_sealed(lab):
    script = _started(volt("--cpus 2")) + \
        "cat /proc/$pid/task/*/status; ls -l /proc/$pid/fd; kill $pid; wait $pid; true"
    output = lab.check(script, LIMIT_S)
    threads = output.split("Name:")[1:]
    expect(len(threads) >= 3, f"{len(threads)} threads", output)
    for thread in threads:
        fields = dict(re.findall(r"^(\w+):\s*(\S+)", thread, re.MULTILINE))
        expect(fields["NoNewPrivs"] == "1", "no_new_privs is not set", thread)
        expect(fields["Seccomp"] == "2", "a thread has no filter", thread)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            expect(int(fields[name], 16) == 0, f"{name} is not empty", thread)
    expect("/dev/kvm" not in output, "/dev/kvm is still open", output)
    expect("vmlinux" not in output, "the kernel is still open", output)


def the_doctor_says_that_linux_runs_here(lab):
    status, output = lab.run("volt doctor", LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    for line in ("kvm-backend +kvm_amd", "trial-kvm ", "guest-cpu ", "trial-volt "):
        expect(re.search(rf"^ok +{line}", output, re.MULTILINE), f"no ok for {line}", output)
    expect("this host runs Linux guests" in output, "no verdict", output)


def a_guest_without_acpi_talks_through_kvms_8259(lab):
    """Debian's kernel reads no MP table (CONFIG_X86_MPPARSE), so it has no APIC either."""
    output = boot(lab, NO_IOAPIC, append=f"{QUIET} acpi=off", run="echo TALKS; exit 7", status=7)
    expect("TALKS" in output, "it is mute", output)


def a_guest_without_kvm_clock_is_told_its_rate(lab):
    rate = re.search(r"tsc: Detected (\d+)\.(\d{3}) MHz", boot(lab, run="dmesg"))
    expect(rate, "no rate in the kernel's log")
    boot(lab, append=f"{QUIET} no-kvmclock tsc_early_khz={rate[1]}{rate[2]}", run="true")


def a_guest_without_kvm_clock_takes_the_time_from_the_rtc(lab):
    """What its own clock shows later follows the TSC, whose rate a busy lab measures badly."""
    rate = re.search(r"tsc: Detected (\d+)\.(\d{3}) MHz", boot(lab, run="dmesg"))
    expect(rate, "no rate in the kernel's log")
    before = int(lab.check("date -u +%s"))
    output = boot(lab, "--plugin default --plugin rtc", initrd="/lab/initramfs-sh.cpio.gz",
                  append=f"{QUIET} no-kvmclock tsc_early_khz={rate[1]}{rate[2]}",
                  run="dmesg | grep rtc_cmos; cd /sys/class/rtc/rtc0; "
                      "echo clock $(cat since_epoch); echo +2 >wakealarm; "
                      "for i in $(seq 60); do grep -q . wakealarm || break; sleep 1; done; "
                      "echo alarm $(cat wakealarm).; grep rtc0 /proc/interrupts")
    after = int(lab.check("date -u +%s"))
    for what in (r"setting system clock to .* UTC \((\d+)\)", r"^clock (\d+)"):
        told = re.search(what, output, re.MULTILINE)
        expect(told and before - 1 <= int(told[1]) <= after + 1,
               f"'{what}' does not tell a time from {before} to {after}", output)
    expect("alarm ." in output, "the alarm did not come", output)
    expect(re.search(r"^ *\d+: +[1-9]\d* +IO-APIC +8-edge +rtc0", output, re.MULTILINE),
           "no interrupt 8", output)


def the_trace_names_every_phase(lab):
    output = boot(lab, "--log-level trace --trace-file /tmp/trace.json", run="true")
    for phase in ("KVM opened", "VM created", "CPUID", "memory", "devices", "kernel loaded",
                  "vCPU configured", "threads counted", "policy", "Landlock", "capabilities",
                  "threads", "seccomp", "running"):
        expect(re.search(rf"ms .* {phase}", output), f"no phase {phase}", output)


def _panic_files():
    """An initramfs with the driver by which Debian's kernel reports a panic."""
    import subprocess
    import sys
    import tempfile
    from lab import ROOT, fetch

    kernel = fetch()
    build = sys.argv[1]
    folder = tempfile.mkdtemp(prefix="volt-panic-")
    out = folder + "/initramfs.cpio.gz"
    drivers = kernel["modules"] + "/kernel/drivers/misc/pvpanic/"
    subprocess.run([sys.executable, ROOT / "volt-init" / "pack.py",
                    "--init", build + "/volt-init/volt-init",
                    "--module", drivers + "pvpanic.ko", "--module", drivers + "pvpanic-mmio.ko",
                    "-o", out], check=True)
    return {"/lab/initramfs-panic.cpio.gz": out}


if __name__ == "__main__":
    run(globals(), files=_panic_files())
