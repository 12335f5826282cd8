/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_describe - volt.describe/1: keeps what is well formed, refuses the rest.
 * Ids: ACPI 6.5, 6.1.5 (_HID).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_internal.h"

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEX   "0123456789ABCDEF"

/* "PNP0501": three letters and four hex digits. "ABCD0001": letters and digits. */
static bool is_id(const char *id)
{
	size_t len = strlen(id);

	if (len == 7)
		return strspn(id, UPPER) >= 3 && strspn(id + 3, HEX) == 4;
	return len == 8 && strspn(id, UPPER "0123456789") == 8;
}

/* What a string of AML can hold, up to 31 characters. */
static bool is_text(const char *text)
{
	const size_t len = strlen(text);

	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			return false;
	return len > 0 && len < 32;
}

static const char *find_resource_fault(const struct volt_resource *r)
{
	uint64_t last;

	if (r->type == VOLT_RES_IRQ)
		return r->base < FAKE_IRQ_MAX &&
			       (r->flags <= VOLT_IRQ_LEVEL || r->flags == VOLT_RES_NOTIFY)
			   ? NULL
			   : "its interrupt is not a GSI below 24 with VOLT_IRQ_EDGE, _LEVEL or "
			     "VOLT_RES_NOTIFY";
	if (r->type != VOLT_RES_PIO && r->type != VOLT_RES_MMIO && r->type != VOLT_RES_BUS)
		return "its resource has an unknown type";
	if (r->flags && (r->flags != VOLT_RES_WINDOW || r->type == VOLT_RES_BUS))
		return "its resource has a flag";
	if (!r->len || __builtin_add_overflow(r->base, r->len - 1, &last))
		return "its resource is empty or wraps";
	if (last > (r->type == VOLT_RES_PIO      ? 0xffffu
		       : r->type == VOLT_RES_BUS ? 0xffu
						 : 0xffffffffu))
		return "its resource ends too high";
	return NULL;
}

static const char *find_device_fault(const struct volt_acpi_device *d)
{
	const char *fault = NULL;

	if (d->size < offsetof(struct volt_acpi_device, ddn)) /* its size in ABI 0.1 */
		return "size is not set";
	if (!d->hid || !is_id(d->hid))
		return "hid is neither an EISA nor an ACPI id";
	if ((d->cid && !is_text(d->cid)) || (VOLT_HAS(d, ddn) && d->ddn && !is_text(d->ddn)))
		return "cid or ddn is not a text of 1 to 31 characters";
	if (d->resource_count > VOLT_RESOURCE_MAX)
		return "has too many resources";
	for (unsigned i = 0; i < d->resource_count && !fault; i++)
		fault = find_resource_fault(&d->resources[i]);
	return fault;
}

static int describe_device(const struct volt_host *h, const struct volt_acpi_device *d)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "device", &err);

	if (err)
		return err;
	const char *fault = find_device_fault(d);

	if (fault) {
		fake_note(f, "device %s: %s", d->hid ? d->hid : "NULL", fault);
		return fake_refuse(f, "device", -EINVAL);
	}
	if (f->device_count == FAKE_DEVICE_MAX)
		return fake_refuse(f, "device", -ENOSPC);
	struct volt_acpi_device *copy = &f->devices[f->device_count++];

	memcpy(copy, d, d->size < sizeof(*d) ? d->size : sizeof(*d));
	copy->hid = strdup(d->hid);
	copy->cid = d->cid ? strdup(d->cid) : NULL;
	copy->ddn = copy->ddn ? strdup(copy->ddn) : NULL;
	return 0;
}

static int describe_fixed(const struct volt_host *h, const struct volt_acpi_fixed *fixed)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "fixed", &err);

	if (err)
		return err;
	if (fixed->size < sizeof(*fixed) || fixed->kind < VOLT_FIXED_RESET ||
	    fixed->kind > VOLT_FIXED_SLEEP_STATUS || fixed->space > VOLT_SPACE_MMIO ||
	    (fixed->space == VOLT_SPACE_PIO && fixed->address > 0xffff) || fixed->reserved) {
		fake_note(f, "fixed register %u: malformed", fixed->kind);
		return fake_refuse(f, "fixed", -EINVAL);
	}
	if (f->fixed[fixed->kind].size)
		return fake_refuse(f, "fixed", -ENOSPC);
	f->fixed[fixed->kind] = *fixed;
	return 0;
}

static int describe_cmdline(const struct volt_host *h, const char *words)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "cmdline", &err);
	size_t used = strlen(f->cmdline);

	if (err)
		return err;
	if (!words || !*words)
		return fake_refuse(f, "cmdline", -EINVAL);
	for (const char *c = words; *c; c++)
		if (*c < ' ' || *c > '~')
			return fake_refuse(f, "cmdline", -EINVAL);
	if (strlen(words) + 2 > sizeof(f->cmdline) - used)
		return fake_refuse(f, "cmdline", -ENOSPC);
	snprintf(f->cmdline + used, sizeof(f->cmdline) - used, "%s%s", used ? " " : "", words);
	return 0;
}

const struct volt_describe fake_describe = {
    .size = sizeof(fake_describe),
    .device = describe_device,
    .fixed = describe_fixed,
    .cmdline = describe_cmdline,
};

void fake_finish_describe(struct fake_host *f)
{
	for (unsigned i = 0; i < f->device_count; i++) {
		free((void *)(uintptr_t)f->devices[i].hid);
		free((void *)(uintptr_t)f->devices[i].cid);
		free((void *)(uintptr_t)f->devices[i].ddn);
	}
}

unsigned fake_device_count(const struct fake_host *f)
{
	return f->device_count;
}

const struct volt_acpi_device *fake_device(const struct fake_host *f, unsigned i)
{
	return i < f->device_count ? &f->devices[i] : NULL;
}

const struct volt_acpi_fixed *fake_fixed(const struct fake_host *f, uint8_t kind)
{
	if (kind > VOLT_FIXED_SLEEP_STATUS || !f->fixed[kind].size)
		return NULL;
	return &f->fixed[kind];
}

const char *fake_cmdline(const struct fake_host *f)
{
	return f->cmdline;
}
