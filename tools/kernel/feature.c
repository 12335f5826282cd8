/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/feature.h"

#include <stdio.h>
#include <string.h>

#define NEEDED FEATURE_NEEDED
#define WANTED FEATURE_WANTED
#define EXTRA  FEATURE_EXTRA

/* A device of virtio is of no use to a kernel that reaches none. */
#define TRANSPORT "VIRTIO_MMIO|VIRTIO_PCI"

/* Names of options as of Linux 6.1 (Kconfig files); those before 5.10 differ in none of them.
 * A kernel that does not know an option has not set it. */
const struct feature feature_table[] = {
    /* To come up at all. */
    {"64-bit", "the only mode that volt starts Linux in", NEEDED, {"X86_64"}},
    {"initrd", "--initrd: a first root file system", NEEDED, {"BLK_DEV_INITRD"}},
    {"serial console", "console=ttyS0, by the plugin serial", NEEDED,
	{"TTY", "SERIAL_8250", "SERIAL_8250_CONSOLE", "PRINTK"}},
    {"ELF programs", "a first program", NEEDED, {"BINFMT_ELF"}},
    {"ACPI", "devices and interrupts found by themselves; power off, by acpipower", NEEDED,
	{"ACPI"}},
    {"local APIC", "interrupts, by the plugin ioapic or KVM's own", NEEDED,
	{"X86_LOCAL_APIC", "X86_IO_APIC"}},
    {"proc, sysfs, devtmpfs", "what volt-init and most others mount first", NEEDED,
	{"PROC_FS", "SYSFS", "DEVTMPFS"}},

    /* To be entered, or unpacked, in other ways. */
    {"PVH", "--boot pvh, of the unpacked vmlinux", EXTRA, {"PVH"}},
    {"initrd by gzip", "initramfs.cpio.gz, as volt-init's is", WANTED, {"RD_GZIP"}},
    {"initrd by lz4", "the fastest to unpack", EXTRA, {"RD_LZ4"}},
    {"initrd by zstd", "small, and fast to unpack", EXTRA, {"RD_ZSTD"}},
    {"initrd by xz", "the smallest", EXTRA, {"RD_XZ"}},
    {"initrd by lzma", "an older xz", EXTRA, {"RD_LZMA"}},
    {"initrd by bzip2", "an older kind", EXTRA, {"RD_BZIP2"}},
    {"initrd by lzo", "an older lz4", EXTRA, {"RD_LZO"}},

    /* To run well. */
    {"kvm-clock", "time; without it, only a CPU by Intel tells Linux how fast it counts", NEEDED,
	{"HYPERVISOR_GUEST", "PARAVIRT", "KVM_GUEST"}},
    {"high-resolution timers", "timers finer than a tick", WANTED, {"HIGH_RES_TIMERS"}},
    {"tickless idle", "an idle guest that lets the host rest", WANTED,
	{"NO_HZ_IDLE|NO_HZ_FULL|NO_HZ"}},
    {"several CPUs", "--cpus", WANTED, {"SMP"}},
    {"MP table", "interrupts with acpi=off, if there is a plugin ioapic", EXTRA, {"X86_MPPARSE"}},
    {"tmpfs", "files in memory", WANTED, {"TMPFS"}},
    {"scripts", "first programs that begin with #!", WANTED, {"BINFMT_SCRIPT"}},
    {"modules", "what is set to m below, from the initrd", WANTED, {"MODULES"}},
    {"early messages", "earlyprintk=serial, before the console is there", EXTRA, {"EARLY_PRINTK"}},

    /* The other plugins. */
    {"i8042", "reboot=k and the operator's Ctrl-Alt-Del, by the plugin i8042", WANTED,
	{"SERIO_I8042", "KEYBOARD_ATKBD"}},
    {"pvpanic", "a panic that volt is told of, by the plugin pvpanic", WANTED,
	{"PVPANIC", "PVPANIC_MMIO"}},
    {"ports for programs", "volt-init's status, by the plugin exitport", WANTED,
	{"X86_IOPL_IOPERM|DEVPORT"}},

    /* Virtio: how the guest reaches devices, and which it can drive. */
    {"virtio-mmio", "virtio devices, where no plugin pci is loaded", WANTED,
	{"ACPI", "VIRTIO_MENU", "VIRTIO_MMIO"}},
    {"virtio-mmio by command line", "virtio devices without ACPI", EXTRA,
	{"VIRTIO_MMIO", "VIRTIO_MMIO_CMDLINE_DEVICES"}},
    {"virtio-pci", "virtio devices with an interrupt for each queue, by the plugin pci", EXTRA,
	{"ACPI", "PCI_MSI", "VIRTIO_MENU", "VIRTIO_PCI"}},
    {"virtio-blk", "disks, by the plugin virtio-blk", WANTED, {"VIRTIO_BLK", TRANSPORT}},
    {"virtio-net", "network, by the plugin virtio-net", WANTED, {"VIRTIO_NET", TRANSPORT}},
    {"virtio-vsock", "sockets to the host", EXTRA, {"VSOCKETS", "VIRTIO_VSOCKETS", TRANSPORT}},
    {"virtio-rng", "randomness of the host, by the plugin virtio-rng", EXTRA,
	{"HW_RANDOM_VIRTIO", TRANSPORT}},
    {"virtio-console", "a console and ports, by the plugin virtio-console", EXTRA,
	{"VIRTIO_CONSOLE", TRANSPORT}},
    {"virtio-balloon", "memory that the host gets back", EXTRA, {"VIRTIO_BALLOON", TRANSPORT}},
    {"virtio-pmem", "files as memory, by the plugin virtio-pmem", EXTRA,
	{"VIRTIO_PMEM", "BLK_DEV_PMEM", TRANSPORT}},
    {"DAX", "files of virtio-pmem without a copy in the guest's page cache", EXTRA,
	{"FS_DAX", "ZONE_DEVICE"}},
    {"virtio-fs", "folders of the host", EXTRA, {"FUSE_FS", "VIRTIO_FS", TRANSPORT}},
};

const unsigned feature_count = sizeof(feature_table) / sizeof(feature_table[0]);

/* The best of "A|B". */
static enum config_value value_of(const char *option, const struct config *c)
{
	enum config_value best = CONFIG_NO;

	for (const char *at = option; *at != '\0';) {
		char name[64];
		size_t n = strcspn(at, "|");

		snprintf(name, sizeof(name), "%.*s", (int)n, at);
		enum config_value value = config_value(c, name);
		if (value > best)
			best = value;
		at += n + (at[n] == '|');
	}
	return best;
}

struct feature_state feature_look(const struct feature *f, const struct config *c)
{
	struct feature_state state = {.value = CONFIG_YES};

	for (unsigned i = 0; i < FEATURE_OPTIONS && f->options[i]; i++) {
		enum config_value value = value_of(f->options[i], c);

		if (value >= state.value)
			continue;
		state.value = value;
		state.lacking = f->options[i];
	}
	return state;
}

const char *feature_spell(const char *option, char *room, unsigned size)
{
	size_t used = 0;

	room[0] = '\0';
	for (const char *at = option; *at != '\0' && used < size;) {
		size_t n = strcspn(at, "|");
		int put = snprintf(
		    room + used, size - used, "%sCONFIG_%.*s", used > 0 ? " or " : "", (int)n, at);

		used += put > 0 ? (size_t)put : 0;
		at += n + (at[n] == '|');
	}
	return room;
}
