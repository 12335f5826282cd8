/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * bar - accesses to the memory of a function (PCI 6.2.5.1).
 *
 * Ranges are the device's own, with the bus's handlers: those look whether the BAR is decoded,
 * and know the MSI-X table.
 */
#include "pci.h"

static bool is_inside(const struct volt_pci_function *f, unsigned bar, uint32_t off, uint32_t n)
{
	return bar < VOLT_PCI_BARS && off < f->type.bars[bar].len &&
	       n <= f->type.bars[bar].len - off;
}

uint32_t pci_bar_read(struct volt_pci_function *f, unsigned bar, uint32_t off, uint32_t n)
{
	if (!is_inside(f, bar, off, n))
		return UINT32_MAX;
	if (pci_msix_holds(f, bar, off))
		return pci_msix_read(f, off, n);
	return f->type.bars[bar].read ? (uint32_t)f->type.bars[bar].read(f, off, n) : UINT32_MAX;
}

void pci_bar_write(
    struct volt_pci_function *f, unsigned bar, uint32_t off, uint32_t n, uint32_t val)
{
	if (!is_inside(f, bar, off, n))
		return;
	if (pci_msix_holds(f, bar, off))
		pci_msix_write(f, off, n, val);
	else if (f->type.bars[bar].write)
		f->type.bars[bar].write(f, off, n, val);
}

int pci_function_find_bar(const struct volt_pci_function *f, uint32_t at)
{
	for (unsigned i = 0; i < VOLT_PCI_BARS; i++) {
		const uint32_t base = __atomic_load_n(&f->base[i], __ATOMIC_ACQUIRE);

		if (base && at - base < f->type.bars[i].len)
			return (int)i;
	}
	return -1;
}

/* At home: who is elsewhere, or not decoded, does not answer. */
static uint64_t home_read(struct volt_pci_function *f, unsigned bar, uint64_t off, uint32_t n)
{
	return f->base[bar] == f->home[bar] ? pci_bar_read(f, bar, (uint32_t)off, n) : UINT64_MAX;
}

static void home_write(
    struct volt_pci_function *f, unsigned bar, uint64_t off, uint32_t n, uint64_t val)
{
	if (f->base[bar] == f->home[bar])
		pci_bar_write(f, bar, (uint32_t)off, n, (uint32_t)val);
}

#define HANDLERS(bar) \
	static uint64_t read_##bar(void *self, uint64_t off, uint32_t n) \
	{ \
		return home_read(self, bar, off, n); \
	} \
	static void write_##bar(void *self, uint64_t off, uint32_t n, uint64_t val) \
	{ \
		home_write(self, bar, off, n, val); \
	}

HANDLERS(0)
HANDLERS(1)
HANDLERS(2)
HANDLERS(3)
HANDLERS(4)
HANDLERS(5)

static const struct {
	uint64_t (*read)(void *self, uint64_t off, uint32_t n);
	void (*write)(void *self, uint64_t off, uint32_t n, uint64_t val);
} handlers[VOLT_PCI_BARS] = {
    {read_0, write_0},
    {read_1, write_1},
    {read_2, write_2},
    {read_3, write_3},
    {read_4, write_4},
    {read_5, write_5},
};

int pci_bars_add(struct volt_pci_function *f)
{
	for (unsigned i = 0; i < VOLT_PCI_BARS; i++) {
		const struct volt_range range = {
		    .size = sizeof(range),
		    .space = VOLT_SPACE_MMIO,
		    .sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4,
		    .flags = VOLT_RANGE_SPLIT,
		    .base = f->home[i],
		    .len = f->type.bars[i].len,
		    .name = f->type.name,
		    .read = handlers[i].read,
		    .write = handlers[i].write,
		};
		const int err = range.len ? f->h->add_range(f->h, &range) : 0;

		if (err)
			return err;
	}
	return 0;
}
