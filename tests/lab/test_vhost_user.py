# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel drives devices that other programs serve: a disk of qemu-storage-daemon and a
directory of virtiofsd, over both transports; and it goes on when virtiofsd is killed."""

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import LIMIT_S, NO_IOAPIC, boot, expect, run, started, volt
from lab import ROOT, LabError, LabUnavailable, busybox, fetch, libraries, module_files

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD, DISK = "/lab/vhost.cpio.gz", "/lab/disk.img"
STORAGE, VIRTIOFSD = "/usr/bin/qemu-storage-daemon", "/usr/lib/qemu/virtiofsd"
DISK_BYTES = 8 << 20
IOAPIC = NO_IOAPIC + " --plugin ioapic"
PCI = " --plugin pci"

# 192 KiB in the middle, from the first bytes of the disk.
WRITE = "dd if=/dev/vda of=/dev/vda bs=64k count=3 seek=50 conv=notrunc,fsync 2>/dev/null"
MOUNT = "mkdir -p /mnt; mount -t virtiofs work /mnt"


def _pack(output):
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init"]
    command += ["--add", f"{busybox()}=/bin/busybox"]
    for name in ("sh", "cat", "cp", "dd", "ls", "mkdir", "mount", "rm", "sha256sum", "sleep", "sync", "umount"):
        command += ["--link", f"/bin/{name}=busybox"]
    names = ["virtio_mmio", "virtio_pci", "virtio_blk", "virtiofs"]
    for path in module_files(fetch()["modules"], names):
        command += ["--module", path]
    done = subprocess.run([*command, "-o", output], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise LabError(f"pack.py failed: {done.stderr}")


def _image():
    return random.Random(2).randbytes(DISK_BYTES)


def _await(lab, path, log):
    """A socket that somebody listens on; else the log of who should."""
    lab.check(f"for i in $(seq 100); do [ -S {path} ] && exit 0; sleep 0.1; done; cat {log}; exit 1")


def _disk_is_served(lab, words, cpus=1):
    image = bytearray(_image())
    lab.check(f"cp {DISK} /tmp/disk.img; rm -f /tmp/disk.sock")
    lab.check(f"{STORAGE} --blockdev driver=file,node-name=file,filename=/tmp/disk.img "
              "--blockdev driver=raw,node-name=disk,file=file --export type=vhost-user-blk,id=disk,node-name=disk,"
              f"writable=on,num-queues={cpus},addr.type=unix,addr.path=/tmp/disk.sock "
              ">/tmp/storage.log 2>&1 </dev/null & true")
    _await(lab, "/tmp/disk.sock", "/tmp/storage.log")
    try:
        plugin = f"--cpus {cpus} --plugin vhost-user,socket=unix:/tmp/disk.sock,device=2,queues={cpus}"
        output = boot(lab, words, plugin, initrd=INITRD, run=f"sha256sum /dev/vda; {WRITE}; sync")
        expect(hashlib.sha256(image).hexdigest() in output, "the guest read other bytes", output)
        image[50 << 16:53 << 16] = image[:3 << 16]
        found = lab.check("sha256sum /tmp/disk.img").split()[0]
        expect(found == hashlib.sha256(image).hexdigest(), "the guest wrote other bytes", output)
    finally:
        lab.run("kill $(pidof qemu-storage-daemon)")


def disk_is_served_over_mmio(lab):
    _disk_is_served(lab, NO_IOAPIC)


def disk_is_served_over_pci_with_ioapic_and_two_queues(lab):
    _disk_is_served(lab, IOAPIC + PCI, cpus=2)


def _serve_plugin(lab):
    """A plugin of volt's own, in a sealed process."""
    lab.check(f"cp {DISK} /tmp/disk.img; rm -f /tmp/plugin.sock")
    lab.check("volt-device --socket /tmp/plugin.sock virtio-blk,disk=/tmp/disk.img "
              ">/tmp/device.log 2>&1 </dev/null & true")
    _await(lab, "/tmp/plugin.sock", "/tmp/device.log")
    return "--plugin vhost-user,socket=unix:/tmp/plugin.sock,device=2"


def plugin_in_a_process_of_its_own_is_served(lab):
    image = bytearray(_image())
    output = boot(lab, NO_IOAPIC, _serve_plugin(lab), initrd=INITRD, run=f"sha256sum /dev/vda; {WRITE}; sync")
    output += lab.check("for i in $(seq 300); do grep -q 'exit code' /tmp/device.log && break; sleep 0.1; done; "
                        "cat /tmp/device.log")
    expect(hashlib.sha256(image).hexdigest() in output, "the guest read other bytes", output)
    image[50 << 16:53 << 16] = image[:3 << 16]
    found = lab.check("sha256sum /tmp/disk.img").split()[0]
    expect(found == hashlib.sha256(image).hexdigest(), "the guest wrote other bytes", output)
    expect("the front end has left; exit code 0" in output, "volt-device did not end by itself", output)


def guest_goes_on_when_its_plugin_is_killed(lab):
    plugin = _serve_plugin(lab)
    _goes_on(lab, plugin, "sha256sum /dev/vda; echo mounted", "volt-device", "/tmp/device.log")


def _serve_directory(lab):
    """In a chroot: the machine's own root is an initramfs, which cannot be pivoted away."""
    lab.check("rm -rf /tmp/shared /tmp/shared.sock; mkdir /tmp/shared; cp /lab/disk.img /tmp/shared/image")
    lab.check(f"{VIRTIOFSD} --socket-path=/tmp/shared.sock -o source=/tmp/shared -o sandbox=chroot "
              ">/tmp/virtiofsd.log 2>&1 </dev/null & true")
    _await(lab, "/tmp/shared.sock", "/tmp/virtiofsd.log")
    return "--plugin vhost-user,socket=unix:/tmp/shared.sock,device=26,queues=2,tag=work"


def _directory_is_served(lab, words):
    plugin = _serve_directory(lab)
    work = ("sha256sum /mnt/image; mkdir /mnt/sub; cp /mnt/image /mnt/sub/copy; sync; "
            "dd if=/dev/zero of=/mnt/sub/copy bs=64k count=2 conv=notrunc,fsync 2>/dev/null; "
            "rm /mnt/image; ls /mnt; umount /mnt")
    output = boot(lab, words, plugin, initrd=INITRD, run=f"{MOUNT}; {work}")
    image = _image()
    expect(hashlib.sha256(image).hexdigest() in output, "the guest read other bytes", output)
    found = lab.check("sha256sum /tmp/shared/sub/copy").split()[0]
    wanted = hashlib.sha256(bytes(2 << 16) + image[2 << 16:]).hexdigest()
    expect(found == wanted, "the guest wrote other bytes", output + lab.check("cat /tmp/virtiofsd.log"))
    expect(lab.check("ls /tmp/shared").split() == ["sub"], "a file was not removed", output)


def directory_is_served_over_mmio(lab):
    _directory_is_served(lab, NO_IOAPIC)


def directory_is_served_over_pci_with_ioapic(lab):
    _directory_is_served(lab, IOAPIC + PCI)


def _goes_on(lab, plugin, begin, program, log):
    """volt says so once, and the guest counts on. It is not asked to end by itself: Linux syncs its file systems
    then, and waits for the answer of the one that is gone."""
    count = "i=0; while [ $i -lt 8 ]; do echo counted $i; i=$((i+1)); sleep 1; done"
    line = volt(NO_IOAPIC, plugin, initrd=INITRD, run=f"{begin}; {count}")
    script = (f"{started(line)}; "
              "for i in $(seq 1200); do grep -q '^mounted' /tmp/out && break; sleep 0.1; done; "
              f"kill -9 $(pidof {program}); "
              "for i in $(seq 1200); do grep -q '^counted 7' /tmp/out && break; sleep 0.1; done; "
              f"kill $v; wait $v; cat /tmp/out {log}")
    output = lab.run(script, 2 * LIMIT_S)[1]
    lost = re.findall(r"vhost-user: the back end at \S+ is lost: (.*)", output)
    expect(len(lost) == 1 and "ended the connection" in lost[0], f"volt said: {lost}", output)
    expect("counted 7" in output.split("is lost")[1], "the guest did not go on", output)


def guest_goes_on_when_its_back_end_is_killed(lab):
    plugin = _serve_directory(lab)
    _goes_on(lab, plugin, f"{MOUNT}; ls /mnt; echo mounted", "virtiofsd", "/tmp/virtiofsd.log")


if __name__ == "__main__":
    programs = [STORAGE, VIRTIOFSD]
    with tempfile.TemporaryDirectory(prefix="volt-vhost-") as folder:
        packed = Path(folder) / "initramfs.cpio.gz"
        try:
            for program in programs:
                if not shutil.which(program):
                    raise LabUnavailable(f"{program} is not there: apt-get install qemu-system-common")
            _pack(packed)
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        disk = Path(folder) / "disk.img"
        disk.write_bytes(_image())
        files = {INITRD: packed, DISK: disk, **{program: program for program in programs}}
        files.update({library: os.path.realpath(library) for library in libraries(programs)})
        run(globals(), files=files)
