/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/describe.h - telling the guest what there is: extension "volt.describe/1"; and telling the
 * host that a device is a console: "volt.console/1".
 *
 * Stability: candidate. The core puts these into the ACPI tables (and, for kernels that
 * want it so, onto the kernel command line). All calls are [wire] and answer 0,
 * -EINVAL (malformed), -ENOSPC (too many) or -EPERM after the seal. Ids and resources are
 * looked at when the tables are made: a bad one ends the start, naming the device.
 */
#ifndef VOLT_DESCRIBE_H
#define VOLT_DESCRIBE_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_DESCRIBE "volt.describe/1"

#define VOLT_RES_PIO  1u /* base, len: I/O ports */
#define VOLT_RES_MMIO 2u /* base, len: guest physical addresses below 4 GiB */
#define VOLT_RES_IRQ  3u /* base: GSI; flags: VOLT_IRQ_EDGE, VOLT_IRQ_LEVEL or VOLT_RES_NOTIFY */
#define VOLT_RES_BUS  4u /* base, len: PCI bus numbers, 0..255, that a bridge gives on */

/* Flag of VOLT_RES_PIO and VOLT_RES_MMIO: a window that a bridge gives on to what lies behind it
 * (ACPI 6.5, 6.4.3.5, a producer), and not registers of its own. */
#define VOLT_RES_WINDOW 1u

/* Flag of VOLT_RES_IRQ, beside VOLT_IRQ_EDGE: the interrupt is not the driver's. When it is raised,
 * the guest's ACPI notifies the device with 0x80 (ACPI 6.5, 5.6.9: generic event device). */
#define VOLT_RES_NOTIFY 0x100u

/* What a device answers at or raises. */
struct volt_resource {
	uint32_t type;      /* VOLT_RES_* */
	uint32_t flags;     /* see type, or VOLT_RES_WINDOW; else 0 */
	uint64_t base, len; /* see type; else 0 */
};

#define VOLT_RESOURCE_MAX 8u /* of one device */

/* A device in the ACPI namespace (ACPI 6.5, 6.1 and 6.2). Copied. An AT's clock (PNP0B00 to
 * PNP0B02) has the century in byte 0x32 of its memory, BCD: the FADT says so. */
struct volt_acpi_device {
	uint32_t size;
	uint32_t resource_count; /* 0..VOLT_RESOURCE_MAX */
	const char *hid;         /* _HID: "PNP0501" style EISA id or "ABCD0001" style ACPI id */
	const char *cid;         /* _CID, or NULL: as _HID, or any text as _DDN has it */
	struct volt_resource resources[VOLT_RESOURCE_MAX]; /* _CRS */
	const char *ddn;  /* _DDN, at most 31 printable characters but " and \; or NULL */
	uint64_t address; /* ADDR: a package of its low and its high 32 bits; 0: no such object */
};

/* Registers of the fixed ACPI hardware (hardware-reduced: ACPI 6.5, 4.8.3.6 and
 * 4.8.3.7), one of each kind per VM. */
#define VOLT_FIXED_RESET         1u /* writing `value` resets the machine */
#define VOLT_FIXED_SLEEP_CONTROL 2u /* SLEEP_CONTROL_REG; value: SLP_TYP of \_S5 */
#define VOLT_FIXED_SLEEP_STATUS  3u /* SLEEP_STATUS_REG; value: 0 */

/* One of them. Copied. */
struct volt_acpi_fixed {
	uint32_t size;
	uint8_t kind;  /* VOLT_FIXED_* */
	uint8_t space; /* VOLT_SPACE_* */
	uint8_t value; /* see kind */
	uint8_t reserved;
	uint64_t address; /* one byte wide */
};

/* What the host gives. */
struct volt_describe {
	uint32_t size, reserved;
	/* [wire] Puts a device into the ACPI namespace. 0; -EINVAL: malformed; -ENOSPC: more
	 * than 64 in the VM; -EPERM after the seal. */
	int (*device)(const struct volt_host *h, const struct volt_acpi_device *d);
	/* [wire] Says where a register of the fixed hardware is. 0; -EINVAL: malformed; -ENOSPC:
	 * there is one of its kind already; -EPERM after the seal. */
	int (*fixed)(const struct volt_host *h, const struct volt_acpi_fixed *f);
	/* [wire] Appends one word or more, e.g. "volt.exit=0xf4", after the user's own, but
	 * before a lone "--", behind which are the arguments of Linux's first program. Copied.
	 * Printable ASCII. 0; -EINVAL: malformed; -ENOSPC: no room for more on a command line;
	 * -EPERM after the seal. */
	int (*cmdline)(const struct volt_host *h, const char *words);
};

#define VOLT_EXT_CONSOLE "volt.console/1"

/* What a plugin offers as VOLT_EXT_CONSOLE whose device is a console of the guest, so that volt can
 * tell whether the one that the command line asks for is there. Stability: candidate. */
struct volt_console {
	uint32_t size, reserved;
	const char *name; /* Linux's, without its number: "hvc" */
};

#ifdef __cplusplus
}
#endif

#endif
