# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The lab: a machine emulated by QEMU, with AMD SVM, whose Linux offers a real /dev/kvm.

    with Lab(build="build") as lab:            # boots, and shuts down at the end
        status, output = lab.run("volt --kernel /lab/vmlinux ...", timeout=60)
        session = lab.spawn("volt ...")        # on a terminal
        session.expect("volt# ", timeout=60)
        session.send("exit 3\\n")
        assert session.wait(timeout=30) == 3

Inside: everything that `meson install` installs, its shared libraries, BusyBox, and in /lab
vmlinux and vmlinuz (Debian's cloud kernel), initramfs.cpio.gz (volt-init alone) and
initramfs-sh.cpio.gz (with BusyBox as /bin/sh), and passt if the host has it. One machine
serves many runs. Everything has a time limit; LabError tells what happened, with the end of the
log. LabUnavailable means that this host lacks something: a test skips with its text.

An emulated machine now and then hangs for good. One that does not come up is started
once more, and says so; one that stops later raises LabStill, after which again() starts another.
"""

import base64
import ctypes
import hashlib
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "volt-init"))
import pack  # noqa: E402

QEMU = "qemu-system-x86_64"
# Under "EPYC" alone an inner guest that sets XCR0 still reads XSAVE's size for the old one, warns
# of it with a trace and goes on without XSAVE; so it may as well not be offered any.
CPU = "EPYC,-xsave"
MODULES = ["virtio_pci", "virtio_console", "virtio_blk", "dummy", "tun", "kvm_amd"]
PORTS = [("terminal", "virtconsole", 0), ("requests", "virtserialport", 1),
         ("answers", "virtserialport", 2)]
INITTAB = b"""::sysinit:/lab/agent start
/dev/null::once:/lab/agent listen
/dev/null::once:/lab/agent run
/dev/null::once:/lab/agent spawn
"""
FETCH_LIMIT_S = 600
BOOT_LIMIT_S = 90
DAY_S = 24 * 3600
STILL_LIMIT_S = 30  # for a machine with nothing to do to answer, on a busy host
RESTARTS_MAX = 1
TAIL_LINES = 40
# Runs on the host as well, and would bring 40 MB of libraries that each machine then unpacks.
LEFT_OUT = {"volt-kernel"}
NOISE = ["TCG doesn't support requested feature", "QEMU waiting for connection"]


class LabError(Exception):
    pass


class LabTimeout(LabError):
    pass


class LabStill(LabTimeout):
    """The machine itself does not answer, whatever runs in it."""


class LabUnavailable(LabError):
    pass


# --- what goes in ---------------------------------------------------------------------------


def fetch(*args):
    """scripts/kernel-fetch's answer as a dict of paths."""
    command = [str(ROOT / "scripts" / "kernel-fetch"), *args]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=FETCH_LIMIT_S,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise LabUnavailable(f"{' '.join(command)} took more than {FETCH_LIMIT_S} s") from None
    if done.returncode:
        raise LabUnavailable(f"{' '.join(command)} failed")
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def busybox():
    tree = Path(fetch("--package", "busybox-static")["tree"])
    return next(path for path in (tree / "bin/busybox", tree / "usr/bin/busybox") if path.exists())


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def libraries(programs):
    """All shared libraries of these programs, by the path at which they are looked for."""
    found = set()
    for program in programs:
        done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, timeout=30)
        missing = re.search(r"(\S+) => not found", done.stdout)
        if missing:
            raise LabError(f"{program} needs {missing.group(1)}, which ldd does not find")
        found.update(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", done.stdout, re.MULTILINE))
    return sorted(found)


def install(build, staging):
    done = subprocess.run(["meson", "install", "-C", str(build), "--destdir", str(staging),
                           "--no-rebuild", "--quiet"], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise LabError(f"meson install of {build} failed:\n{done.stdout}{done.stderr}")


def add_build(archive, build):
    """What `meson install` installs, less headers and manuals, and the libraries of it all."""
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as staging:
        install(build, staging)
        programs = []
        for path in sorted(Path(staging).rglob("*")):
            guest = "/" + str(path.relative_to(staging))
            if path.is_dir() or "/include/" in guest or "/man/" in guest or path.name in LEFT_OUT:
                continue
            archive.add_entry(path, guest)
            if path.parent.name == "bin" and path.parent != Path(staging) / "usr/local/bin":
                archive.link(f"/usr/local/bin/{path.name}", guest)  # a prefix of its own is in no PATH
            if not path.is_symlink() and is_elf(path):
                programs.append(path)
        for library in libraries(programs):
            archive.add(os.path.realpath(library), library)
    initramfs = Path(build) / "volt-init" / "initramfs.cpio.gz"
    if initramfs.exists():
        archive.add(initramfs, "/lab/initramfs.cpio.gz")
        archive.file("/lab/initramfs-sh.cpio.gz", with_shell(initramfs.parent / "volt-init"))


def with_shell(init):
    """A guest's initramfs whose prompt is BusyBox's shell."""
    archive = pack.Archive()
    archive.skeleton()
    archive.file("/init", init.read_bytes(), 0o755)
    program = busybox()
    archive.file("/bin/busybox", program.read_bytes(), 0o755)
    applets = subprocess.run([program, "--list-full"], capture_output=True, text=True, timeout=10,
                             check=True).stdout.split()
    for applet in applets:
        if applet != "bin/busybox":
            archive.link("/" + applet, "/bin/busybox")
    return pack.compress(archive.cpio(), ".gz")


def module_files(tree, names):
    """The files of these kernel modules and of what they depend on, in the order to load."""
    files = {path.stem.replace("-", "_"): path for path in Path(tree).rglob("*.ko")}
    ordered = []

    def visit(name):
        if name not in files:
            raise LabError(f"no kernel module '{name}' in {tree}")
        path = files[name]
        depends = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes()).group(1).decode()
        for other in filter(None, depends.split(",")):
            visit(other.replace("-", "_"))
        if path not in ordered:
            ordered.append(path)

    for name in names:
        visit(name)
    return ordered


def add_kernel(archive, kernel):
    modules = module_files(kernel["modules"], MODULES)
    for path in modules:
        archive.add(path, f"/lib/modules/{path.name}")
    archive.file("/lab/modules", "".join(f"{path.name}\n" for path in modules).encode())
    archive.add(kernel["vmlinux"], "/lab/vmlinux")
    archive.add(kernel["vmlinuz"], "/lab/vmlinuz")


def base_archive(kernel):
    """The part that only changes with the packages; its compressed form is kept, by what it is
    made of: a copy of the folder may be newer than what it belongs to."""
    agent = Path(__file__).with_name("agent")
    made_of = hashlib.sha256(agent.read_bytes() + Path(__file__).read_bytes() +
                             str(Path(kernel["vmlinux"]).stat().st_size).encode())
    folder, name = Path(kernel["vmlinux"]).parent, made_of.hexdigest()[:16]
    kept = folder / f"lab-base-{name}.cpio.lz4"
    if kept.exists():
        return kept.read_bytes()
    for old in folder.glob("lab-base*.cpio.lz4"):  # another tree may be using a younger one
        if time.time() - old.stat().st_mtime > DAY_S:
            old.unlink(missing_ok=True)
    archive = pack.Archive()
    archive.skeleton()
    archive.add(busybox(), "/bin/busybox")
    archive.link("/bin/sh", "busybox")
    archive.link("/init", "bin/busybox")  # its name makes it BusyBox's init
    archive.file("/etc/inittab", INITTAB)
    archive.file("/lab/agent", agent.read_bytes(), 0o755)
    add_kernel(archive, kernel)
    pack.write(archive, kept)
    return kept.read_bytes()


def write_initramfs(path, kernel, build, files):
    """Linux unpacks archives that follow each other one by one."""
    changing = pack.Archive()
    if build:
        add_build(changing, build)
    if shutil.which("passt"):
        changing.add(shutil.which("passt"), "/usr/bin/passt")
        changing.add(Path(__file__).with_name("passt"), "/lab/passt")
    for guest, host in files.items():
        changing.add(host, guest)
    Path(path).write_bytes(base_archive(kernel) + pack.compress(changing.cpio(), ".lz4"))


# --- talking to it --------------------------------------------------------------------------


class Wire:
    """A serial line of the machine: a socket, and what was read but not yet taken."""

    def __init__(self, path, deadline):
        self.data = bytearray()
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise LabTimeout(f"{QEMU} opened no socket: {error}") from None
                time.sleep(0.02)
        self.socket.setblocking(False)

    def read_more(self, deadline):
        """Waits for more; False at the deadline. EOFError when the machine is gone."""
        ready, _, _ = select.select([self.socket], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            chunk = self.socket.recv(65536)
        except ConnectionError:
            chunk = b""
        if not chunk:
            raise EOFError
        self.data += chunk
        return True

    def take_until(self, pattern, deadline):
        """The match of a compiled bytes pattern, what comes before it being .before, or None."""
        while True:
            match = pattern.search(self.data)
            if match:
                before = bytes(self.data[:match.start()])
                groups = match.groups()
                del self.data[:match.end()]
                return before, groups
            if not self.read_more(deadline):
                return None

    def send(self, data, deadline):
        view = memoryview(data)
        while view:
            _, ready, _ = select.select([], [self.socket], [],
                                        max(0, deadline - time.monotonic()))
            if not ready:
                raise LabTimeout("the machine takes no input")
            view = view[self.socket.send(view):]


def end_of(token):
    return re.compile(rb"\r?\n@@" + token.encode() + rb" (\d+)\r?\n")


class Session:
    """A command on the lab's terminal. One at a time."""

    def __init__(self, lab, token):
        self.lab, self.token = lab, token
        self.transcript = b""

    def expect(self, text, timeout):
        """Waits for a text, or a compiled bytes pattern; returns all up to its end."""
        pattern = text if isinstance(text, re.Pattern) else re.compile(re.escape(text.encode()))
        wire, deadline = self.lab.terminal, time.monotonic() + timeout
        both = re.compile(rb"(?P<end>" + end_of(self.token).pattern + rb")|" + pattern.pattern,
                          pattern.flags)
        while True:
            match = both.search(wire.data)
            if match and not match.group("end"):
                seen = bytes(wire.data[:match.end()])
                del wire.data[:match.end()]
                self.transcript += seen
                return seen.decode(errors="replace")
            if match:
                raise self.lab.error(f"the command ended before {pattern.pattern!r} came",
                                     wire.data)
            if not self.lab.more(wire, deadline):
                raise self.late(f"no {pattern.pattern!r} within {timeout} s")

    def send(self, text):
        data = text.encode() if isinstance(text, str) else text
        self.lab.terminal.send(data, time.monotonic() + 10)

    def wait(self, timeout):
        """The exit status; the rest of the output is added to .transcript."""
        wire, deadline = self.lab.terminal, time.monotonic() + timeout
        while True:
            match = end_of(self.token).search(wire.data)
            if match:
                status = int(match.group(1))  # before the buffer that it points into changes
                self.transcript += bytes(wire.data[:match.start()])
                del wire.data[:match.end()]
                self.lab.session = None
                return status
            if not self.lab.more(wire, deadline):
                raise self.late(f"the command did not end within {timeout} s")

    def late(self, text):
        """The error of a command that took too long, which is no more."""
        output = bytes(self.lab.terminal.data)
        self.kill()
        return self.lab.late(text, output, self.lab.answers_still())

    def kill(self):
        self.lab.request("kill", self.token)
        self.lab.session = None


class Lab:
    def __init__(self, build=None, smp=1, memory="3072M", files=None, log=None, cmdline="",
                 cpu=CPU, disks=()):
        self.build, self.smp, self.memory, self.cpu = build, smp, memory, cpu
        self.disks = [Path(path) for path in disks]  # raw images; /dev/vda and so on, written to
        self.files, self.cmdline = dict(files or {}), cmdline
        self.folder = Path(tempfile.mkdtemp(prefix="volt-lab-"))
        self.log = Path(log) if log else self.folder / "console.log"
        self.requests = self.answers = self.terminal = None
        self.qemu = self.session = None
        self.failed = False
        self.restarts = 0

    def __enter__(self):
        try:
            return self.boot()
        except BaseException:
            self.shutdown()
            raise

    def __exit__(self, kind, value, trace):
        self.shutdown()

    # -- life

    def command(self, kernel):
        ports = []
        for name, device, number in PORTS:
            ports += ["-chardev", f"socket,id={name},path={self.folder / name},server=on,wait=on",
                      "-device", f"{device},chardev={name},nr={number}"]
        disks = [word for path in self.disks
                 for word in ("-drive", f"if=virtio,format=raw,file={path}")]
        return [QEMU, "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", self.cpu,
                "-m", self.memory, "-smp", str(self.smp), "-nodefaults", "-display", "none",
                "-monitor", "none", "-no-reboot",
                "-serial", f"file:{self.log}", "-device", "virtio-serial-pci",
                *ports, *disks, "-kernel", kernel["vmlinuz"], "-initrd", str(self.folder / "initramfs"),
                "-append", "console=ttyS0 quiet panic=-1 mitigations=off " + self.cmdline]

    def boot(self, timeout=BOOT_LIMIT_S):
        for tool in (QEMU, "lz4", "meson", "ldd"):
            if not shutil.which(tool):
                raise LabUnavailable(f"the lab needs '{tool}'")
        kernel = fetch()
        try:
            return self.start(kernel, timeout)
        except LabStill as problem:
            self.again(problem, timeout)
        return self

    def again(self, problem, timeout=BOOT_LIMIT_S):
        """Another machine in the place of one that stood still; the problem, if that was not
        the first. The log of the one before is kept."""
        if self.restarts >= RESTARTS_MAX:
            raise problem
        self.restarts += 1
        reason = str(problem).partition("\n")[0]
        print(f"lab: the outer machine stood still: {reason}; its log is {self.log}; "
              f"starting another (restart {self.restarts} of {RESTARTS_MAX})",
              file=sys.stderr, flush=True)
        self.stop()
        self.forget()
        folder = Path(tempfile.mkdtemp(prefix="volt-lab-"))
        if self.log.parent == self.folder:
            self.log = folder / self.log.name
        self.folder, self.failed = folder, False
        self.requests = self.answers = self.terminal = self.qemu = self.session = None
        self.start(fetch(), timeout)

    def start(self, kernel, timeout):
        write_initramfs(self.folder / "initramfs", kernel, self.build, self.files)
        deadline = time.monotonic() + timeout
        with open(self.folder / "qemu.log", "wb") as messages:
            self.qemu = subprocess.Popen(self.command(kernel), stdin=subprocess.DEVNULL,
                                         stdout=messages, stderr=messages, start_new_session=True,
                                         preexec_fn=die_with_parent)
        try:
            for name, _, _ in PORTS:  # QEMU waits for them in this order
                setattr(self, name, Wire(self.folder / name, deadline))
        except LabTimeout as problem:
            raise self.error(str(problem)) from None
        found = self.answer("boot", deadline - time.monotonic(), re.compile(rb"@@boot (0)\n"))
        if not found:
            raise self.error(f"it was not up within {timeout:.0f} s", self.answers.data, LabStill)
        return self

    def stop(self):
        if self.qemu and self.qemu.poll() is None:
            self.qemu.kill()
            self.qemu.wait(10)

    def shutdown(self):
        if self.qemu and self.qemu.poll() is None:
            try:
                self.request("poweroff", "-")
                self.qemu.wait(10)
            except (LabError, OSError, AttributeError, subprocess.TimeoutExpired):
                self.stop()
        self.forget()

    def forget(self):
        """Closes what leads to a machine that is gone; of its files only the log may stay."""
        for wire in (self.requests, self.answers, self.terminal):
            if wire:
                wire.socket.close()
        if self.failed:
            for name in ("initramfs", *(port[0] for port in PORTS)):
                (self.folder / name).unlink(missing_ok=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- failures

    def error(self, text, output=b"", kind=LabError):
        """An error with the ends of what is known; the log outlives the lab then."""
        self.failed = True
        parts = [text]
        for title, data in (("output", bytes(output)), ("console", self.read_log(self.log)),
                            ("qemu", self.read_log(self.folder / "qemu.log"))):
            lines = [line for line in data.decode(errors="replace").splitlines()
                     if not any(noise in line for noise in NOISE)]
            if lines:
                parts += [f"--- the end of the {title}:", *lines[-TAIL_LINES:]]
        parts.append(f"--- kept: {self.log}")
        return kind("\n".join(parts))

    @staticmethod
    def read_log(path):
        return path.read_bytes() if path.exists() else b""

    def more(self, wire, deadline):
        try:
            return wire.read_more(deadline)
        except EOFError:
            raise self.error("the outer machine is gone", wire.data) from None

    # -- requests

    def request(self, verb, token, script=""):
        line = f"{verb} {token} {base64.b64encode(script.encode()).decode()}\n"
        try:
            self.requests.send(line.encode(), time.monotonic() + STILL_LIMIT_S)
        except LabTimeout as problem:
            raise self.error(str(problem), kind=LabStill) from None

    def answer(self, token, timeout, pattern=None):
        """What comes before the end of that request, and its groups; None if none came."""
        try:
            found = self.answers.take_until(pattern or end_of(token), time.monotonic() + timeout)
        except EOFError:
            raise self.error("the outer machine is gone", self.answers.data) from None
        return found

    def answers_still(self):
        """False if the machine does not even do nothing."""
        token = secrets.token_hex(8)
        self.request("run", token, ":\n")
        return bool(self.answer(token, STILL_LIMIT_S))

    def late(self, text, output, answers):
        """The error of a command that took too long: LabStill if all the machine does."""
        if answers:
            return self.error(f"{text}; the outer machine answers", output, LabTimeout)
        return self.error(f"{text}, and no answer to anything {STILL_LIMIT_S} s after", output,
                          LabStill)

    def run(self, command, timeout=60):
        """(exit status, output) of a shell script, both streams; input is empty."""
        token = secrets.token_hex(8)
        self.request("run", token, command + "\n")
        found = self.answer(token, timeout)
        if not found:
            output = bytes(self.answers.data)
            self.request("kill", token)
            killed = self.answer(token, STILL_LIMIT_S)  # 137, or what it ended with just now
            raise self.late(f"no end of '{command}' within {timeout} s", output, killed)
        output, (status,) = found
        return int(status), output.decode(errors="replace")

    def check(self, command, timeout=60):
        """The output of a script that must succeed."""
        status, output = self.run(command, timeout)
        if status:
            raise self.error(f"'{command}' ended with status {status}", output.encode())
        return output

    def spawn(self, command):
        """Starts a script on a terminal (TERM is vt220); see Session."""
        if self.session:
            raise LabError("the lab has one terminal, and it is in use")
        self.terminal.data.clear()
        token = secrets.token_hex(8)
        self.request("spawn", token, command + "\n")
        self.session = Session(self, token)
        self.session.expect(re.compile(rb"@@" + token.encode() + rb" 0\r?\n"), 30)
        self.session.transcript = b""
        return self.session

    def read(self, guest, timeout=60):
        """A file's bytes."""
        return base64.b64decode(self.check(f"base64 < {guest}", timeout))

    def write(self, guest, data, timeout=60):
        """A small file, such as a script; large ones belong in files= at the start."""
        text = base64.b64encode(data).decode()
        self.check(f"base64 -d > {guest} <<'EOF'\n{text}\nEOF", timeout)


def die_with_parent():
    """In the child: a killed test must not leave a machine behind (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
