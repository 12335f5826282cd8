# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""core/ knows no device: no name of a device plugin stands there as a word.

Names of KVM's own interface (KVM_IRQCHIP_..., struct kvm_...) are the kernel's.
"""

import re

import tree

KERNEL_NAME = re.compile(r"\b(KVM|kvm)_\w+")


def is_device(folder):
    return any("VOLT_KIND_DEVICE" in path.read_text() for path in tree.plugin_sources(folder))


# A plugin's name that is an English word too, so that only a text of the program may not be it.
COMMON_WORDS = ("control",)


devices = [folder.name for folder in tree.plugin_folders() if is_device(folder)]
names = re.compile(
    r"(?<![A-Za-z0-9])("
    + "|".join(re.escape(name) for name in devices if name not in COMMON_WORDS)
    + r")(?![A-Za-z0-9])|\"(" + "|".join(COMMON_WORDS) + r")\"", re.IGNORECASE)
sources = tree.files(under=("core",))
problems = []
for path in sources if devices else []:
    for number, line in enumerate(tree.text(path).splitlines(), 1):
        found = names.search(KERNEL_NAME.sub("", line))
        if found:
            problems.append(f"{path}:{number}: the device name '{found.group()}'")
tree.finish(problems, len(sources) * len(devices), "pairs of core file and device name")
