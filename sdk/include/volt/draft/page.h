/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/page.h - memory of a device that the guest reads without an exit: "volt.page/1".
 *
 * Stability: draft. A page lies at a place of its own outside of the guest's RAM, so no guest
 * takes it for memory of its own. The guest can read it; a write is dropped, as one to a range
 * without a handler. It is not part of a snapshot: after a restore it is zeros, and the
 * plugin fills it again, from its fields (volt/state.h) or its identity (volt/identity.h).
 */
#ifndef VOLT_PAGE_H
#define VOLT_PAGE_H

#include <errno.h>
#include <stdbool.h>

#include <volt/describe.h>
#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_PAGE "volt.page/1"

#define VOLT_PAGE_SIZE 4096u /* bytes of each */

/* What the host gives. */
struct volt_page {
	uint32_t size, reserved;
	/* [wire] Adds a page: *gpa gets its guest physical address, below 4 GiB, and *at where it
	 * lies in this process, valid until fini: VOLT_PAGE_SIZE bytes of zeros. The plugin may
	 * write there at any time and on any thread; the guest sees each store of 8 bytes or less
	 * as a whole. `name` is that of a range. 0; -EINVAL: no name; -ENOSPC: more than 8 in the
	 * VM, or no place for it; -ENOMEM; -EPERM after the seal. */
	int (*add)(const struct volt_host *h, const char *name, uint64_t *gpa, void **at);
};

/* A device that is one page and one edge interrupt, by which the guest learns that the page has
 * changed. A part of the plugin's instance. */
struct volt_page_device {
	const struct volt_host *h; /* as init got it */
	uint8_t *page;             /* VOLT_PAGE_SIZE bytes */
	uint32_t line;             /* of pulse() */
	bool news; /* the page has changed, and the guest was not told yet; the plugin sets it */
};

/* [wire] Adds the page, called `name`, and the line, and describes both to the guest's ACPI by
 * `device`, of which the caller fills in what is not here: `size`, the resources, and `address`
 * if it is to be the page's (`has_address`). 0, or what volt_fail() returned. */
static inline int volt_page_device_init(struct volt_page_device *d, const struct volt_host *h,
    const char *name, struct volt_acpi_device *device, bool has_address)
{
	const struct volt_page *pages = (const struct volt_page *)h->get_ext(h, VOLT_EXT_PAGE);
	const struct volt_describe *describe =
	    (const struct volt_describe *)h->get_ext(h, VOLT_EXT_DESCRIBE);
	uint64_t gpa = 0;
	void *at = NULL;

	d->h = h;
	if (!VOLT_HAS(h, pulse))
		return volt_fail(h, ENOTSUP, "the host is of an ABI before 0.3");
	if (!pages)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_PAGE);
	if (!describe)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DESCRIBE);
	int err = pages->add(h, name, &gpa, &at);
	if (err)
		return volt_fail(h, -err, "cannot have a page");
	d->page = (uint8_t *)at;
	err = h->add_irq(h, VOLT_ANY, VOLT_IRQ_EDGE, &d->line);
	if (err)
		return volt_fail(h, -err, "cannot have an interrupt line");
	device->size = sizeof(*device);
	if (has_address)
		device->address = gpa;
	device->resource_count = 2;
	device->resources[0].type = VOLT_RES_MMIO;
	device->resources[0].base = gpa;
	device->resources[0].len = VOLT_PAGE_SIZE;
	device->resources[1].type = VOLT_RES_IRQ;
	device->resources[1].flags = VOLT_RES_NOTIFY;
	device->resources[1].base = h->irq_number(h, d->line);
	err = describe->device(h, device);
	return err ? volt_fail(h, -err, "cannot describe %s", device->hid) : 0;
}

/* [loop] For `resume`: tells the guest of a page that has changed, once. True: it was told; a
 * plain pause changes nothing, and sends no interrupt. */
static inline bool volt_page_device_tell(struct volt_page_device *d)
{
	if (!d->news)
		return false;
	d->news = false;
	d->h->pulse(d->h, d->line);
	return true;
}

#ifdef __cplusplus
}
#endif

#endif
