/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_pci - a PCI bus beside the plugin under test: the plugin `pci` itself, under a fake host
 * of its own.
 */
#include <string.h>

#include <volt/draft/pci.h>

#include "fake_internal.h"

extern const struct volt_plugin volt_plugin_pci;

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA    0xcfcu
#define SLOT           1u /* of the only function */

#define COMMAND 0x04u
#define LINK    0x34u
#define MSIX_ID 0x11u

/* libvolt-virtio's parameter: nothing else asks for a bus. */
static bool wants_bus(const struct fake_host *f)
{
	const struct volt_plugin *p = f->plugin;

	for (unsigned i = 0; i < p->param_count; i++) {
		const struct volt_param *param =
		    (const void *)((const char *)p->params + (size_t)i * p->param_stride);
		const char *text = f->params.values[i].s;

		if (strcmp(param->name, "transport") == 0 && text && strcmp(text, "pci") == 0)
			return true;
	}
	return false;
}

void fake_pci_offer(struct fake_host *f)
{
	if (f->bus)
		return;
	f->bus = fake_host_create(&volt_plugin_pci);
	if (fake_host_wire(f->bus, NULL) != 0)
		fake_die(f, "its bus cannot be wired: %s", fake_host_message(f->bus));
	fake_offer(f, VOLT_EXT_PCI, volt_plugin_pci.get_ext(VOLT_EXT_PCI), fake_host_self(f->bus));
}

void fake_pci_offer_if_wanted(struct fake_host *f)
{
	if (!f->peer.id && wants_bus(f))
		fake_pci_offer(f);
}

static void choose(struct fake_host *f, uint32_t off)
{
	if (!f->bus)
		fake_die(f, "the test wants a PCI function, but there is no bus");
	fake_write(
	    f->bus, VOLT_SPACE_PIO, CONFIG_ADDRESS, 4, 0x80000000u | SLOT << 11 | (off & 0xfc));
}

uint32_t fake_pci_read(struct fake_host *f, uint32_t off, uint32_t n)
{
	choose(f, off);
	return (uint32_t)fake_read(f->bus, VOLT_SPACE_PIO, CONFIG_DATA + (off & 3), n);
}

void fake_pci_write(struct fake_host *f, uint32_t off, uint32_t n, uint32_t val)
{
	choose(f, off);
	fake_write(f->bus, VOLT_SPACE_PIO, CONFIG_DATA + (off & 3), n, val);
}

bool fake_pci_is_there(const struct fake_host *f)
{
	return f->bus && f->vector_count > 0;
}

uint32_t fake_pci_find(struct fake_host *f, uint8_t id, unsigned index)
{
	uint32_t at = fake_pci_read(f, LINK, 1);

	for (unsigned left = 48; at >= 0x40 && left > 0; left--) {
		if (fake_pci_read(f, at, 1) == id && index-- == 0)
			return at;
		at = fake_pci_read(f, at + 1, 1);
	}
	return 0;
}

void fake_pci_enable(struct fake_host *f)
{
	const uint32_t msix = fake_pci_find(f, MSIX_ID, 0);

	fake_pci_write(f, COMMAND, 2, 6);
	if (msix)
		fake_pci_write(f, msix + 2, 2, 0x8000);
}
