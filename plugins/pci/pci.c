/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pci - a host bridge with one bus, whose functions are other plugins.
 *
 * Sources: PCI Local Bus Specification 3.0, 3.2.2.3.2 (configuration mechanism #1) and chapter 6;
 * PCI Firmware Specification 3.0, 4.1 (host bridges in ACPI). Drivers: Linux arch/x86/pci/direct.c
 * and drivers/acpi/pci_root.c.
 */
#include <errno.h>
#include <string.h>

#include <volt/describe.h>

#include "pci.h"

enum { COUNT_ABSENT, COUNT_MOVED };

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA    0xcfcu

/* Of CONFIG_ADDRESS (PCI 3.2.2.3.2). */
#define ADDRESS_ENABLE   0x80000000u
#define ADDRESS_WRITABLE 0x80fffffcu
#define ADDRESS_BUS(a)   ((a) >> 16 & 0xff)
#define ADDRESS_SLOT(a)  ((a) >> 11 & 0x1f)
#define ADDRESS_PART(a)  ((a) >> 8 & 7)
#define ADDRESS_REG(a)   ((a)&0xfc)

#define SLOTS 32u /* of a bus; the bridge itself is in the first */

/* A generic host bridge (PCI 6.2.1, and class 06 00 of appendix D): nothing of it can be written.
 * Linux takes mechanism #1 for granted if it finds one. */
#define BRIDGE_ID    0x00081b36u
#define BRIDGE_CLASS 0x06000000u

struct pci {
	const struct volt_host *h;
	struct volt_pci_function *slots[SLOTS]; /* [0] is NULL: the bridge */
	unsigned used;                          /* slots, with the bridge's */
	uint32_t next;                          /* where the next BAR's home can be */
	uint32_t address;                       /* saved; CONFIG_ADDRESS */
};

/* An access on its way to the device's side, under its lock. */
struct access {
	uint32_t at, n, val; /* offset in configuration space, or address in memory */
};

/* ------------------------------------------------------------ configuration */

static void read_config(void *self, void *arg)
{
	struct access *a = arg;

	a->val = pci_function_read_config(self, a->at, a->n);
}

static void write_config(void *self, void *arg)
{
	const struct access *a = arg;

	pci_function_write_config(self, a->at, a->n, a->val);
}

static uint32_t bridge_read(uint32_t at, uint32_t n)
{
	uint32_t dword = 0;

	if ((at & ~3u) == 0)
		dword = BRIDGE_ID;
	if ((at & ~3u) == PCI_REVISION)
		dword = BRIDGE_CLASS;
	dword >>= 8 * (at % 4);
	return n < 4 ? dword & ((1u << 8 * n) - 1) : dword;
}

static bool is_enabled(const struct pci *p)
{
	return p->address & ADDRESS_ENABLE && ADDRESS_BUS(p->address) == 0 &&
	       ADDRESS_PART(p->address) == 0;
}

static struct volt_pci_function *addressed(struct pci *p)
{
	struct volt_pci_function *f = is_enabled(p) ? p->slots[ADDRESS_SLOT(p->address)] : NULL;

	if (!f)
		volt_count(p->h, COUNT_ABSENT, 1);
	return f;
}

/* What no function answers reads as all ones (PCI 6.1). */
static uint64_t data_read(void *self, uint64_t off, uint32_t n)
{
	struct pci *p = self;
	struct access a = {.at = ADDRESS_REG(p->address) + (uint32_t)off, .n = n};

	if (is_enabled(p) && ADDRESS_SLOT(p->address) == 0)
		return bridge_read(a.at, n);
	const struct volt_pci_function *f = addressed(p);

	if (!f)
		return UINT64_MAX;
	p->h->call(p->h, f->h, read_config, &a);
	return a.val;
}

static void data_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct pci *p = self;
	struct access a = {ADDRESS_REG(p->address) + (uint32_t)off, n, (uint32_t)val};

	if (is_enabled(p) && ADDRESS_SLOT(p->address) == 0)
		return;
	const struct volt_pci_function *f = addressed(p);

	if (f)
		p->h->call(p->h, f->h, write_config, &a);
}

static uint64_t address_read(void *self, uint64_t off, uint32_t n)
{
	return ((struct pci *)self)->address;
}

static void address_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	((struct pci *)self)->address = (uint32_t)val & ADDRESS_WRITABLE;
}

/* -------------------------------------------------------- BARs that were moved */

/* Under the device's lock: it may have moved on meanwhile. */
static void read_memory(void *self, void *arg)
{
	struct access *a = arg;
	struct volt_pci_function *f = self;
	const int bar = pci_function_find_bar(f, a->at);

	a->val = UINT32_MAX;
	if (bar >= 0)
		a->val = pci_bar_read(f, (unsigned)bar, a->at - f->base[bar], a->n);
}

static void write_memory(void *self, void *arg)
{
	const struct access *a = arg;
	struct volt_pci_function *f = self;
	const int bar = pci_function_find_bar(f, a->at);

	if (bar >= 0)
		pci_bar_write(f, (unsigned)bar, a->at - f->base[bar], a->n, a->val);
}

/* Without the bus's lock: accesses to two functions do not wait for each other. */
static void memory_access(struct pci *p, struct access *a, void (*access)(void *self, void *arg))
{
	for (unsigned i = 1; i < p->used; i++) {
		if (pci_function_find_bar(p->slots[i], a->at) < 0)
			continue;
		volt_count(p->h, COUNT_MOVED, 1);
		p->h->call(p->h, p->slots[i]->h, access, a);
		return;
	}
}

static uint64_t memory_read(void *self, uint64_t off, uint32_t n)
{
	struct access a = {PCI_WINDOW + (uint32_t)off, n, UINT32_MAX};

	memory_access(self, &a, read_memory);
	return a.val;
}

static void memory_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct access a = {PCI_WINDOW + (uint32_t)off, n, (uint32_t)val};

	memory_access(self, &a, write_memory);
}

/* ---------------------------------------------------------------- functions */

/* *next is free; aligned, as a BAR is to its length. False: no room. */
static bool find_homes(
    const struct pci *p, const struct volt_pci_type *t, uint32_t homes[], uint32_t *next)
{
	for (unsigned i = 0; i < VOLT_PCI_BARS; i++) {
		const uint32_t len = t->bars[i].len;

		homes[i] = 0;
		if (len == 0)
			continue;
		homes[i] = (*next + (len - 1)) & ~(len - 1);
		if (homes[i] - PCI_WINDOW > PCI_WINDOW_LEN - len)
			return false;
		*next = homes[i] + len;
	}
	return true;
}

static int pci_add(void *bus, const struct volt_host *h, struct volt_pci_function *f,
    const struct volt_pci_type *t)
{
	struct pci *p = bus;
	uint32_t homes[VOLT_PCI_BARS], next = p->next;
	const char *fault = pci_function_fault(t);

	if (fault)
		return volt_fail(h, EINVAL, "cannot be a PCI function: %s", fault);
	if (p->used == SLOTS)
		return volt_fail(h, ENOSPC, "the PCI bus has 31 functions already");
	if (!find_homes(p, t, homes, &next))
		return volt_fail(h, ENOSPC, "no room for the memory of one more PCI function");
	const int err = pci_function_add(f, h, t, homes);

	if (err)
		return err;
	p->next = next;
	p->slots[p->used++] = f;
	return 0;
}

const struct volt_pci pci_table = {
    .size = sizeof(pci_table),
    .add = pci_add,
    .reset = pci_function_reset,
    .fire = pci_msix_fire,
    .read = pci_bar_read,
    .write = pci_bar_write,
    .pause = pci_msix_pause,
    .resume = pci_function_resume,
    .validate = pci_function_validate,
};

/* ------------------------------------------------------------------- wiring */

static int add_ranges(const struct volt_host *h)
{
	static const struct volt_range ranges[] = {
	    {
		.size = sizeof(struct volt_range),
		.name = "address",
		.space = VOLT_SPACE_PIO,
		.sizes = VOLT_IO_4, /* narrower ones are none of its own (PCI 3.2.2.3.2) */
		.base = CONFIG_ADDRESS,
		.len = 4,
		.read = address_read,
		.write = address_write,
	    },
	    {
		.size = sizeof(struct volt_range),
		.name = "data",
		.space = VOLT_SPACE_PIO,
		.sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4,
		.base = CONFIG_DATA,
		.len = 4,
		.read = data_read,
		.write = data_write,
	    },
	    {
		.size = sizeof(struct volt_range),
		.name = "window",
		.space = VOLT_SPACE_MMIO,
		.sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4,
		.flags = VOLT_RANGE_SPLIT | VOLT_RANGE_PARALLEL,
		.base = PCI_WINDOW,
		.len = PCI_HOMES - PCI_WINDOW,
		.read = memory_read,
		.write = memory_write,
	    },
	};

	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const int err = h->add_range(h, &ranges[i]);

		if (err)
			return volt_fail(h, -err, "cannot have the range %s", ranges[i].name);
	}
	return 0;
}

static int describe(const struct volt_host *h)
{
	static const struct volt_acpi_device bridge = {
	    .size = sizeof(bridge),
	    .hid = "PNP0A03",
	    .resource_count = 3,
	    .resources =
		{
		    {.type = VOLT_RES_BUS, .base = 0, .len = 1},
		    {.type = VOLT_RES_PIO, .base = CONFIG_ADDRESS, .len = 8},
		    {.type = VOLT_RES_MMIO,
			.flags = VOLT_RES_WINDOW,
			.base = PCI_WINDOW,
			.len = PCI_WINDOW_LEN},
		},
	};
	const struct volt_describe *tell = h->get_ext(h, VOLT_EXT_DESCRIBE);

	if (!tell)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DESCRIBE);
	const int err = tell->device(h, &bridge);

	return err ? volt_fail(h, -err, "cannot describe the bridge") : 0;
}

static int pci_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct pci *p = self;

	if (!VOLT_HAS(h, call))
		return volt_fail(h, ENOTSUP, "the host has no buses, which came with ABI 0.3");
	p->h = h;
	p->used = 1;
	p->next = PCI_HOMES;
	const int err = add_ranges(h);

	return err ? err : describe(h);
}

static void pci_reset(void *self)
{
	((struct pci *)self)->address = 0;
}

/* ------------------------------------------------------------- saved state */

static int pci_validate(const void *candidate)
{
	return ((const struct pci *)candidate)->address & ~ADDRESS_WRITABLE ? -EINVAL : 0;
}

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct pci, address, VOLT_F_U32, 1)},
};

static const struct volt_state state = {
    .size = sizeof(state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .validate = pci_validate,
};

static const void *pci_get_ext(const char *id)
{
	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &state;
	return strcmp(id, VOLT_EXT_PCI) ? NULL : &pci_table;
}

static const struct volt_counter counters[] = {
    [COUNT_ABSENT] = {"absent", "configuration cycles to functions that are not there"},
    [COUNT_MOVED] = {"moved", "accesses to memory that the guest gave another address"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "pci",
    .version = "0.1.0",
    .summary = "a PCI bus for the functions that other plugins are",
    .flags = VOLT_FLAG_BUS,
    .instance_size = sizeof(struct pci),
    VOLT_COUNTERS(counters),
    .init = pci_init,
    .reset = pci_reset,
    .get_ext = pci_get_ext,
};
