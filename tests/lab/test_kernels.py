# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Debian's kernel package goes into a store on the host, and boots by its name in the lab."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import LIMIT_S, expect, run, volt
from lab import LabError, LabUnavailable, fetch

STORE = "/root/.local/share/volt/kernels"
BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
MIB = 1 << 20


class Store:
    """On the host; what of it the lab needs is in `files`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.fetched = fetch("--deb")
        self.name = self.tool("import", "--default", self.fetched["deb"]).strip()
        self.facts = json.loads(self.tool("inspect", "--json", "default"))
        kernel = self.folder / self.name
        self.files = {f"{STORE}/{self.name}/{name}": kernel / name
                      for name in ("vmlinux", "bzImage", "config", "meta.json", "manifest")}

    def tool(self, *words):
        done = subprocess.run([BUILD / "tools/kernel/volt-kernel", *words, "--store", self.folder],
                              capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise LabError(f"volt-kernel {words} ended with {done.returncode}: {done.stderr}")
        return done.stdout


def _boot(lab, word, *words, status=0):
    found, output = lab.run(f"HOME=/root {volt(*words, kernel=word, run='uname -r')} </dev/null",
                            LIMIT_S)
    expect(found == status, f"exit status {found} instead of {status}", output)
    return output


def _booted(output):
    expect(output.count("VOLT VM READY") == 1, "the banner did not come once", output)
    expect(store.fetched["version"] in output, "not that kernel", output)


def imported_package_is_whole(lab):
    """On the host: no lab is needed to look."""
    facts = store.facts
    expect(store.name.startswith(f"debian-{store.fetched['version']}-"), store.name)
    expect(facts["modules"] > 100 and facts["config"] == "package", str(facts)[:500])
    unpacked = (store.folder / store.name / "vmlinux").read_bytes()
    expect(unpacked == Path(store.fetched["vmlinux"]).read_bytes(), "another vmlinux")
    expect("is as it was imported" in store.tool("verify"), "not verified")


def debian_kernel_has_what_volt_needs(lab):
    states = {row["feature"]: row["state"] for row in store.facts["features"]}
    needed = [row["feature"] for row in store.facts["features"] if row["need"] == "needed"]
    expect(all(states[name] == "yes" for name in needed), str(states))
    expect(states["virtio-blk"] == "module", str(states))
    offered = {(image["file"], row["boot"]) for image in store.facts["images"]
               for row in image["protocols"] if row["offered"]}
    expect(offered == {("vmlinux", "linux"), ("vmlinux", "pvh"), ("bzImage", "linux")},
           str(offered))


def kernel_boots_by_the_beginning_of_its_name(lab):
    output = _boot(lab, "debian", "--log-level trace")
    _booted(output)
    expect("kernel loaded: linux64 vmlinux" in output, "not the file that boots fastest", output)


def kernel_boots_by_its_whole_name(lab):
    _booted(_boot(lab, store.name))


def kernel_boots_as_the_default(lab):
    lab.check(f"ln -s {store.name} {STORE}/default")
    _booted(_boot(lab, "default"))


def memory_that_inspect_names_is_the_least(lab):
    """One MiB less cannot hold the kernel, and the line names the least; with it, it is loaded."""
    least = store.facts["images"][0]["memory_min"] // MIB
    output = _boot(lab, "debian", f"--memory {least - 1}M", status=101)
    expect(f"give --memory {least}M at least" in output, "another reason", output)
    found, output = lab.run("HOME=/root volt explain --log-level trace --kernel debian "
                            f"--memory {least}M </dev/null", LIMIT_S)
    expect(found == 0 and "kernel loaded" in output, f"refused with status {found}", output)


def wrong_name_is_told_the_right_one(lab):
    output = _boot(lab, "xebian", status=101)
    expect(f"did you mean {store.name}?" in output, "no hint", output)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-store-") as place:
        try:
            store = Store(place)
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        run(globals(), files=store.files)
