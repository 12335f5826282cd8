# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt --share with an unmodified Debian kernel, by an ordinary user and by root: volt starts virtiofsd, and
volt-init mounts the folders."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import NO_IOAPIC, call, expect, run, started, volt
from lab import ROOT, LabError, LabUnavailable, busybox, fetch, libraries, module_files

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD, TREE = "/lab/share.cpio.gz", "/lab/tree.tar"
VIRTIOFSD, GIT, SETPRIV = "/usr/lib/qemu/virtiofsd", "/usr/bin/git", "/usr/bin/setpriv"
USER = f"{SETPRIV} --reuid 1000 --regid 1000 --groups 1000,24,44"  # groups that it may not leave
LIMIT_S = 300  # emulated twice, git takes its time
STEPS = 150
LINKS = ("sh", "cat", "cp", "dd", "ls", "ln", "mkdir", "mount", "rm", "sha256sum", "sleep", "sync", "umount", "tar",
         "find", "sort", "xargs", "stat", "cmp", "echo", "id", "touch")


def _pack(output, folder):
    tool = folder / "share_tool"
    call("cc", "-O2", "-static", "-D_GNU_SOURCE", "-o", tool, Path(__file__).with_name("share_tool.c"))
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init"]
    command += ["--add", f"{busybox()}=/bin/busybox", "--add", f"{tool}=/bin/share_tool"]
    for name in LINKS:
        command += ["--link", f"/bin/{name}=busybox"]
    for path in module_files(fetch()["modules"], ["virtio_mmio", "virtio_pci", "virtiofs", "vmw_vsock_virtio_transport"]):
        command += ["--module", path]
    done = subprocess.run([*command, "-o", output], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise LabError(f"pack.py failed: {done.stderr}")


def _files():
    """Some C files of volt-init, as they are here."""
    return {path.name: path.read_bytes() for path in sorted((ROOT / "volt-init").glob("[a-c]*.[ch]"))}


def _make_tree(folder):
    """A repository of these files, and what git needs to run in the guest."""
    work, top = folder / "work", folder / "tree"
    work.mkdir()
    for name, data in _files().items():
        (work / name).write_bytes(data)
    git = ["git", "-C", work, "-c", "user.name=lab", "-c", "user.email=lab@localhost", "-c", "init.defaultBranch=main"]
    call(*git, "init", "-q")
    call(*git, "add", ".")
    call(*git, "commit", "-q", "-m", "files")
    (top / "bin").mkdir(parents=True)
    (top / "lib64").mkdir()
    call("git", "clone", "-q", "--bare", work, top / "repo.git")
    shutil.copy(GIT, top / "bin/git")
    for name in ("git-upload-pack", "git-index-pack"):
        (top / "bin" / name).symlink_to("git")
    for library in libraries([GIT]):
        shutil.copy(os.path.realpath(library), top / "lib64" / os.path.basename(library))
    call("tar", "-C", top, "-cf", folder / "tree.tar", "--owner=0", "--group=0", ".")
    return folder / "tree.tar"


def _folders(lab, owner):
    lab.check("rm -rf /tmp/own /tmp/kept /tmp/alone; mkdir -p /tmp/own /tmp/kept/below /tmp/alone; "
              "echo kept >/tmp/kept/file; echo mine >/tmp/kept/below/file; "
              f"tar -C /tmp/own -xf {TREE}; chown -R {owner} /tmp/own /tmp/kept /tmp/alone; chmod 666 /dev/kvm; "
              "chmod 1777 /tmp")


def _is_gone(lab):
    """virtiofsd ends with volt, whatever the guest did."""
    lab.check("for i in $(seq 100); do pidof virtiofsd volt-share >/dev/null || exit 0; sleep 0.1; done; ps; exit 1")


def _sums(lab, folder):
    found = lab.check(f"cd {folder} && sha256sum *").splitlines()
    return {line.split()[1]: line.split()[0] for line in found}


def _work(lab, who, owner):
    _folders(lab, owner)
    work = ("id -u; stat -c owner-%u-%g /mnt/repo.git; ln -s /mnt/lib64 /lib64; export PATH=/bin:/mnt/bin LD_LIBRARY_PATH=/lib64; "
            "git clone -q file:///mnt/repo.git /mnt/clone && echo cloned; "
            f"share_tool load /mnt/load 7 {STEPS} && sha256sum /mnt/load; "
            "cat /kept/below/file; share_tool change /kept; ls /mnt/clone | sort")
    line = volt(NO_IOAPIC, "--plugin pci --share /tmp/own --share /tmp/kept,ro,at=/kept", initrd=INITRD, run=work)
    status, output = lab.run(f"{who} {line} </dev/null", LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    return output


def _check_work(lab, output, owner):
    expect("owner-0-0" in output, "the owner is not seen as root", output)
    expect("cloned" in output, "git did not clone", output)
    wanted = {name: hashlib.sha256(data).hexdigest() for name, data in _files().items()}
    expect(_sums(lab, "/tmp/own/clone") == wanted, "the clone has other files", output)
    expect(f"load: {STEPS} steps" in output, "the load failed", output)
    expect(lab.check("sha256sum /tmp/own/load").split()[0] in output, "the host has other bytes", output)
    expect(lab.check("stat -c %u:%g /tmp/own/load").strip() == owner, "the file is another's", output)
    expect(lab.check("find /tmp/own/clone -maxdepth 1 -name .git -type d"), "no .git", output)


def _check_kept(lab, output):
    """The guest made its own mount writable, and all the same changed nothing."""
    expect("remount: read and write" in output, "the guest's mount stayed read-only: nothing is proved", output)
    expect("CHANGED" not in output, "the guest changed a folder that is read-only", output)
    expect(lab.check("cat /tmp/kept/file; ls -a /tmp/kept").split() == ["kept", ".", "..", "below", "file"],
           "the folder has changed", output)


def folders_are_shared_by_an_ordinary_user(lab):
    output = _work(lab, USER, "1000:1000")
    _check_work(lab, output, "1000:1000")
    expect("mine" in output, "the folder below cannot be read", output)
    _check_kept(lab, output)
    _is_gone(lab)


def folders_are_shared_by_root(lab):
    """Who has other IDs too: they are the host's."""
    _folders(lab, "0:0")
    lab.check("chown 33:33 /tmp/kept/file")
    work = ("stat -c owner-%u-%g /kept/file; touch /mnt/new; chown 5:6 /mnt/new; share_tool change /kept; "
            "echo volt-init made none >/kept/none")
    line = volt(NO_IOAPIC, "--share /tmp/alone --share /tmp/kept,ro,at=/kept", initrd=INITRD, run=work)
    status, output = lab.run(f"{line} </dev/null", LIMIT_S)
    expect(status == 1, f"exit status {status}", output)
    expect("owner-33-33" in output, "not the host's owner", output)
    expect(lab.check("stat -c %u:%g /tmp/alone/new").strip() == "5:6", "not the guest's owner", output)
    _check_kept(lab, output)
    _is_gone(lab)


def guest_outlives_virtiofsd_which_does_not_outlive_volt(lab):
    """Of two folders one loses its virtiofsd: volt says whose, and the guest goes on. Then volt is killed."""
    _folders(lab, "1000:1000")
    work = "ls /mnt /kept; echo mounted; for i in 0 1 2 3 4; do sleep 1; echo counted $i; done; cat /kept/file; sleep 1000"
    line = volt(NO_IOAPIC, "--share /tmp/alone --share /tmp/kept,at=/kept", initrd=INITRD, run=work)
    script = (f"{started(f'{USER} {line}')}; "
              "for i in $(seq 600); do grep -q '^mounted' /tmp/out && break; sleep 0.1; done; "
              "kill -9 $(pidof virtiofsd | tr ' ' '\\n' | sort -n | head -n 1); "
              "for i in $(seq 600); do grep -q '^kept' /tmp/out && break; sleep 0.1; done; "
              "pidof virtiofsd >/dev/null && echo the other serves; kill -9 $v; wait $v; cat /tmp/out")
    output = lab.run(script, LIMIT_S)[1]
    expect("--share /tmp/alone: its virtiofsd was killed by signal 9" in output, "volt did not say so", output)
    lost = re.findall(r"vhost-user: the back end at \S+ is lost: (.*)", output)
    expect(len(lost) == 1, f"volt said: {lost}", output)
    expect("counted 4" in output.split("is lost")[1], "the guest did not go on", output)
    expect("the other serves" in output and "\nkept" in output, "the other folder is lost too", output)
    _is_gone(lab)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-share-") as name:
        packed = Path(name) / "initramfs.cpio.gz"
        try:
            for program in (VIRTIOFSD, GIT, SETPRIV):
                if not shutil.which(program):
                    raise LabUnavailable(f"{program} is not there: apt-get install qemu-system-common git")
            _pack(packed, Path(name))
            tree = _make_tree(Path(name))
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        files = {INITRD: packed, TREE: tree, VIRTIOFSD: VIRTIOFSD, SETPRIV: SETPRIV}
        files.update({library: os.path.realpath(library) for library in libraries([VIRTIOFSD, SETPRIV])})
        run(globals(), files=files)
