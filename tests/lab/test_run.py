# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt run with an unmodified Debian kernel: status, streams, a terminal, a root, a share, a network."""

import os
import shlex
import sys
import tempfile
from pathlib import Path

from cases import call, expect, initramfs_of_debian, run
from lab import LabUnavailable, busybox, libraries

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD, ROOT = "/lab/run.cpio", "/lab/root.img"
TOOLS = "PATH=/lab/bin:$PATH"  # there are the real tools, not BusyBox's, and a passt
TOOLS_OF_HOST = {"/lab/bin/mke2fs": "/usr/sbin/mke2fs", "/lab/bin/cp": "/bin/cp", "/lab/bin/tar": "/bin/tar"}
APPLETS = ("sh", "cat", "ls", "echo", "sha256sum", "sleep", "stty", "env", "pwd", "touch", "kill", "wget", "ip", "tar")
LIMIT_S = 300


def _root(folder):
    tree, image = folder / "tree", folder / "root.img"
    for name in ("bin", "etc", "dev", "proc", "sys", "run", "tmp", "root", "mnt"):
        (tree / name).mkdir(parents=True)
    (tree / "bin/busybox").write_bytes(busybox().read_bytes())
    (tree / "bin/busybox").chmod(0o755)
    for name in APPLETS:
        (tree / "bin" / name).symlink_to("busybox")
    call("mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", tree, image, "16M")
    return image


def _line(*words, command):
    return " ".join(["volt", "run", "--kernel", "/lab/vmlinux", "--initrd", INITRD, "--memory", "128M", *words, "--",
                     *(shlex.quote(word) for word in command)])


def _run(lab, *words, command, status=0, before="true"):
    line = _line(*words, command=command)
    found, output = lab.run(f"{before}; {line} </dev/null", LIMIT_S)
    expect(found == status, f"exit status {found} instead of {status}", output)
    # Emulated twice, a boot takes longer than the patience of volt run.
    output = "".join(line for line in output.splitlines(True) if "still waiting" not in line)
    expect(lab.check("ls /tmp | grep -c volt-run- || true").strip() == "0", "files are left in /tmp")
    return output


def the_status_is_the_commands(lab):
    """As the issue has it: with nothing but volt-init in the guest, whose little shell is sh."""
    _run(lab, "--no-share", command=["sh", "-c", "exit 7"], status=7)
    output = _run(lab, "--no-share", "--env A=5", "--workdir /proc", command=["sh", "-c", "echo $A; cat version"])
    expect(output.startswith("5\nLinux version 6"), "not the variable and the file", output)
    output = _run(lab, "--no-share", command=["nosuch"], status=127)
    expect("nosuch: No such file" in output, "no reason", output)


def bytes_go_in_and_come_back(lab):
    lab.check("head -c 4194304 /dev/urandom > /tmp/big")
    line = _line("--image", ROOT, "--no-share", command=["cat"])
    output = lab.check(f"{line} < /tmp/big 2>/tmp/errors | sha256sum; sha256sum < /tmp/big", LIMIT_S).split("\n")
    expect(output[0] == output[1], "not the same bytes", "\n".join(output))


def an_image_stays_as_it_is(lab):
    before = lab.check(f"sha256sum {ROOT}")
    output = _run(lab, "--image", ROOT, "--no-share", command=["sh", "-c", "echo new >/etc/new; cat /etc/new"])
    expect(output == "new\n", "the root cannot be written", output)
    expect(lab.check(f"sha256sum {ROOT}") == before, "the image has changed")


def the_current_folder_is_on_mnt(lab):
    prepare = f"{TOOLS}; mkdir -p /tmp/shared/sub; echo shared >/tmp/shared/sub/file; cd /tmp/shared"
    script = "pwd; cat sub/file; echo no >sub/file"
    output = _run(lab, "--image", ROOT, command=["sh", "-c", script], status=1, before=prepare)
    expect("/mnt\nshared\n" in output, "not the folder", output)
    expect("Read-only file system" in output, "it can be written", output)
    output = _run(lab, "--root", "/tmp/tree", "--share /tmp/shared",
                  command=["/bin/sh", "-c", "cat /mnt/sub/file; touch /new"],
                  before=f"{TOOLS}; mkdir -p /tmp/tree/bin /tmp/tree/mnt /tmp/tree/dev /tmp/tree/proc /tmp/tree/sys "
                         "/tmp/tree/run; cp /bin/busybox /tmp/tree/bin/busybox; ln -sf busybox /tmp/tree/bin/sh; "
                         "ln -sf busybox /tmp/tree/bin/cat; ln -sf busybox /tmp/tree/bin/touch")
    expect(output.endswith("shared\n"), "not the file of the share", output)
    expect("--share /tmp/shared: is copied: virtiofsd is not installed" in output, "the copy is not told", output)


def a_writable_folder_comes_back(lab):
    prepare = f"{TOOLS}; mkdir -p /tmp/own; echo before >/tmp/own/file; cd /tmp/own"
    _run(lab, "--image", ROOT, "--writable", command=["sh", "-c", "echo after >file; echo made >new"], before=prepare)
    expect(lab.check("cat /tmp/own/file /tmp/own/new") == "after\nmade\n", "not what the guest wrote")
    output = _run(lab, "--writable", command=["sh", "-c", "echo lost >new"], before=prepare, status=125)
    expect("the guest has no tar" in output, "no reason", output)


def a_terminal(lab):
    """Its size at the start and later, Ctrl-C, and that this one is as it was."""
    line = _line("--image", ROOT, "--no-share", command=["sh"])
    session = lab.spawn(f"stty rows 30 cols 90; stty -a >/tmp/before; {line}; s=$?; stty -a >/tmp/after; "
                        "cmp /tmp/before /tmp/after && echo same; exit $s")
    session.expect("# ", LIMIT_S)
    session.send("stty size\n")
    session.expect("30 90", LIMIT_S)
    lab.check("stty rows 41 cols 101 </dev/hvc0")
    session.send("sleep 1; stty size\n")
    session.expect("41 101", LIMIT_S)
    lab.check("stty rows 30 cols 90 </dev/hvc0")
    # The text that is typed is not the one that is looked for: the command runs when it is there.
    session.send("sh -c 'echo at \"\"work; exec sleep 1000'; echo got $?\n")
    session.expect("at work", LIMIT_S)
    session.send("\x03")
    session.send("echo typed; exit 9\n")
    session.expect("same", LIMIT_S)
    expect(session.wait(LIMIT_S) == 9, "not the shell's status", session.transcript.decode(errors="replace"))
    expect(b"\ntyped" in session.transcript, "the next line was not read", session.transcript.decode(errors="replace"))


def a_killed_run_leaves_nothing(lab):
    line = _line("--image", ROOT, "--no-share", command=["sh", "-c", "echo running; sleep 1000"])
    lab.check(f"rm -f /tmp/out; {line} </dev/null >/tmp/out 2>&1 & run=$!; "
              "until grep -q running /tmp/out; do sleep 0.1; done; kill -9 $run", LIMIT_S)
    lab.check("while pidof volt volt-run >/dev/null || ls -d /tmp/volt-run-* >/dev/null 2>&1; do sleep 0.1; done")


def a_network(lab):
    """passt needs a root that is not the lab's initramfs: /lab/passt makes one."""
    lab.write("/lab/bin/passt", b'#!/bin/sh\n/lab/passt "$5" && exec sleep 1000\n')
    lab.check("mkdir -p /tmp/www; echo served >/tmp/www/file; httpd -p 8000 -h /tmp/www; chmod +x /lab/bin/passt")
    output = _run(lab, "--image", ROOT, "--net --no-share", before=TOOLS,
                  command=["sh", "-c", "wget -q -O - http://10.0.2.2:8000/file"])
    expect(output == "served\n", "not the file", output)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as name:
        try:
            files = {INITRD: initramfs_of_debian(BUILD, Path(name)), ROOT: _root(Path(name)), **TOOLS_OF_HOST}
            files.update({path: path for path in libraries(TOOLS_OF_HOST.values())})
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        run(globals(), files=files)
