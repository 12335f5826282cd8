# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Bytes on disk, stripped, and what the dynamic linker brings along."""

import re
import shutil

from kit import Plot, Table, say, static_volt

TITLE = "Size"
FOUR = ("serial", "i8042", "ioapic", "sandbox")
# (what, limit in bytes, the reference's bytes)
GOALS = {"core and four plugins": (250_000, 3_450_000), "minimal static build": (150_000, None),
         "volt-init": (64_000, 509_000), "initramfs": (36_000, 260_000),
         # With the share of libvolt-virtio that each contains.
         "plugin virtio-blk": (40_000, None), "plugin virtio-net": (40_000, None),
         "plugin virtio-vsock": (40_000, None), "plugin virtio-rng": (40_000, None)}


def stripped(bench, path):
    copy = bench.path("stripped")
    shutil.copyfile(path, copy)
    bench.run(["strip", "--strip-unneeded", copy])
    return copy.stat().st_size


def sections(bench, path):
    """(text, data, bss) as size(1) counts them."""
    line = bench.run(["size", path]).splitlines()[1]
    return [int(word) for word in line.split()[:3]]


def libraries(bench, path):
    text = bench.run(["readelf", "-dW", path])
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def loaded(bench, path):
    """All that is mapped in the end, the loader too, with its size on disk."""
    text = bench.run(["ldd", path], ok=(0, 1))
    return sorted(set(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", text, re.M)))


def linked_in(bench):
    """The plugins that are in the program, whose files a VM does not load."""
    page = bench.run([bench.volt, "explain"])
    line = re.search(r"^  linked into volt: (.*)$", page, re.M)
    return line[1].split(", ") if line else []


def measure(bench):
    say("size: stripping copies")
    files = {"core (volt)": bench.volt}
    files.update({f"plugin {path.stem}": path
                  for path in sorted((bench.build / "plugins").glob("*.so"))})
    init = bench.build / "volt-init" / "volt-init"
    if init.exists():
        files["volt-init"] = init
    rows, sizes = [], {}
    for name, path in files.items():
        sizes[name] = stripped(bench, path)
        rows.append([name, sizes[name], path.stat().st_size, *sections(bench, path),
                     ", ".join(libraries(bench, path)) or "none"])
    linked = linked_in(bench)
    sums = {"core and four plugins": sizes["core (volt)"] + sum(
        sizes.get(f"plugin {name}", 0) for name in FOUR if name not in linked),
            "volt-init": sizes.get("volt-init")}
    sums.update({name: sizes[name] for name in GOALS if name in sizes})
    image = bench.build / "volt-init" / "initramfs.cpio.gz"
    if image.exists():
        sums["initramfs"] = image.stat().st_size
        rows.append(["initramfs.cpio.gz", sums["initramfs"], sums["initramfs"], "", "", "", ""])
    static = static_volt(bench, "minimal", ["sandbox", "serial"],
                         ["-Dsmall_libc=true", "-Dfeatures=[]"])
    if static:
        sums["minimal static build"] = stripped(bench, static)
        rows.append(["minimal static build", sums["minimal static build"], static.stat().st_size,
                     *sections(bench, static), "none"])
    goals = [[name, sums.get(name) or "not built", limit,
              f"{sums[name] / limit:.2f}" if sums.get(name) else "",
              f"{sums[name] / reference:.3f}" if sums.get(name) and reference else ""]
             for name, (limit, reference) in GOALS.items()]
    met = [(f"size: {name}", f"{limit / 1000:g} KB", f"{sums[name] / 1000:.1f} KB",
            sums[name] / limit) for name, (limit, _) in GOALS.items() if sums.get(name)]
    dynamic = loaded(bench, bench.volt) + loaded(bench, bench.build / "plugins" / "sandbox.so")
    names = sorted({path.rsplit("/", 1)[1] for path in dynamic})
    text = (f"Linked into the core: {', '.join(linked) or 'no plugin'}; the core and four plugins "
            "count those that are linked in once, and not their files. Loaded at run time: "
            f"{', '.join(names)}.")
    return {"text": text, "goals": met,
            "tables": [Table("Files, bytes", ["File", "Stripped", "As built", "text", "data", "bss",
                                              "Linked with"], rows),
                       Table("Goals, bytes", ["What", "Measured", "At most", "Ratio to the goal",
                                              "Ratio to the reference"], goals)],
            "plots": [Plot("size", "Stripped size", "KB",
                           {"size": [(row[0].removeprefix("plugin "), row[1] / 1000)
                                     for row in rows]})],
            "data": {"stripped": sizes, "sums": sums, "loaded": dynamic}}
