# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Debian's fio for a guest, without the 80 MB of libraries for storage clusters that it is linked with.

A disk needs none of them. Each is replaced by one small library, which has all their names under
their versions and ends the program if one is called: fio wants every name to be there at its start.
"""

import re
import subprocess
from pathlib import Path

from lab import LabError, fetch, libraries

REAL = {"libc.so.6", "libm.so.6"}
NEEDED = re.compile(r"\(NEEDED\).*\[(\S+)\]")
# Number, value, size, type, binding, visibility, "UND", and the name.
MISSING = re.compile(r"^ *\d+: +\S+ +\d+ +\S+ +\S+ +\S+ +UND +([a-z]\w*)(?:@(\S+))?", re.MULTILINE)


def _readelf(*words):
    done = subprocess.run(["readelf", "-W", *words], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise LabError(f"readelf {words} failed: {done.stderr}")
    return done.stdout


def _stand_in(program, folder):
    """The library; it has the names that are not the C library's."""
    versions = {}
    for name, version in MISSING.findall(_readelf("--dyn-syms", program)):
        if not version.startswith("GLIBC"):
            versions.setdefault(version, []).append(name)
    code, script, output = folder / "stand_in.c", folder / "stand_in.map", folder / "stand_in.so"
    code.write_text("".join(f"void {name}(void);\nvoid {name}(void) {{ __builtin_trap(); }}\n"
                            for names in versions.values() for name in names))
    script.write_text("".join(f"{version} {{ {'; '.join(names)}; }};\n"
                              for version, names in versions.items() if version))
    done = subprocess.run(["gcc", "-shared", "-fPIC", "-fno-builtin", f"-Wl,--version-script={script}",
                           "-o", output, code], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise LabError(f"gcc failed: {done.stderr}")
    return output


def files(folder):
    """Words for volt-init/pack.py: /bin/fio and what it needs."""
    program = Path(fetch("--package", "fio")["tree"]) / "usr/bin/fio"
    stand_in = _stand_in(program, Path(folder))
    words = ["--add", f"{program}=/bin/fio", "--add", f"{stand_in}=/lib/stand_in.so"]
    for name in NEEDED.findall(_readelf("-d", program)):
        if name not in REAL:
            words += ["--link", f"/lib/{name}=stand_in.so"]
    for path in libraries(["/bin/true"]):
        words += ["--add", f"{Path(path).resolve()}={path}"]
    libm = Path(next(path for path in libraries(["/bin/true"]) if "libc.so" in path)).with_name("libm.so.6")
    return [*words, "--add", f"{libm.resolve()}={libm}"]
