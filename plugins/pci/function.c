/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * function - the configuration space of a function: a header of type 0 (PCI 6.1) and a list of
 * capabilities (PCI 6.7), as bytes, with a mask of those that a guest may write.
 */
#include <errno.h>
#include <string.h>

#include "pci.h"

/* Of the command register (PCI 6.2.2). */
#define COMMAND_MEMORY      0x0002u
#define COMMAND_MASTER      0x0004u
#define COMMAND_NO_PIN      0x0400u
#define STATUS_CAPABILITIES 0x0010u /* PCI 6.2.3 */

#define MSIX_ID      0x11u /* PCI 6.8.2.1 */
#define MSIX_LEN     12u
#define MSIX_CONTROL 2u
#define MSIX_ENABLE  0x8000u
#define MSIX_WRITE   0xc000u

#define BAR_MIN 4096u
#define BAR_MAX 0x1000000u

/* ------------------------------------------------------------------- checks */

static const char *find_bar_fault(const struct volt_pci_bar *b)
{
	if (b->len == 0)
		return NULL;
	if (b->len < BAR_MIN || b->len > BAR_MAX || b->len & (b->len - 1) || b->reserved)
		return "a BAR is not a power of two, 4096 to 16 MiB";
	return NULL;
}

static const char *find_msix_fault(const struct volt_pci_type *t)
{
	const uint32_t table = t->vectors * 16u, pending = (t->vectors + 63u) / 64 * 8;

	if (t->vectors == 0)
		return NULL;
	if (t->vectors > VOLT_PCI_VECTORS || t->msix_bar >= VOLT_PCI_BARS)
		return "it has more than 32 vectors, or their BAR is not there";
	const uint32_t len = t->bars[t->msix_bar].len;

	if (t->msix_table % 16 || t->msix_pending % 8 || table > len || pending > len ||
	    t->msix_table > len - table || t->msix_pending > len - pending ||
	    (t->msix_table < t->msix_pending + pending && t->msix_pending < t->msix_table + table))
		return "the MSI-X table or its pending bits do not fit their BAR";
	return NULL;
}

static const char *find_capability_fault(const struct volt_pci_type *t)
{
	uint32_t used = PCI_FREE + (t->vectors ? MSIX_LEN : 0);

	if (t->capability_count > VOLT_PCI_CAPABILITIES)
		return "it has more than 8 capabilities";
	for (unsigned i = 0; i < t->capability_count; i++) {
		const struct volt_pci_capability *c = &t->capabilities[i];

		if (c->len < 3 || c->len > 64 || c->told > 1 || c->reserved || !c->bytes ||
		    (c->told && !t->touch))
			return "a capability is malformed";
		used += (c->len + 3u) & ~3u;
	}
	return used > VOLT_PCI_CONFIG ? "its capabilities do not fit" : NULL;
}

const char *pci_function_fault(const struct volt_pci_type *t)
{
	const char *fault = NULL;

	if (t->size < sizeof(*t) || !t->name || t->vendor == 0xffff)
		return "it is malformed";
	for (unsigned i = 0; i < VOLT_PCI_BARS && !fault; i++)
		fault = find_bar_fault(&t->bars[i]);
	if (!fault)
		fault = find_msix_fault(t);
	return fault ? fault : find_capability_fault(t);
}

/* ------------------------------------------------------------------- wiring */

static void make_header(struct volt_pci_function *f)
{
	const struct volt_pci_type *t = &f->type;

	pci_put(f->start, 4, (uint32_t)t->device << 16 | t->vendor);
	pci_put(f->start + PCI_REVISION, 4, t->class_revision);
	pci_put(f->start + PCI_SUBSYSTEM, 4, (uint32_t)t->subsystem << 16 | t->subsystem_vendor);
	pci_put(f->mask + PCI_COMMAND, 2, COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_PIN);
	f->mask[PCI_LINE] = 0xff; /* for the guest's own use (PCI 6.2.4) */
	for (unsigned i = 0; i < VOLT_PCI_BARS; i++) {
		pci_put(f->start + PCI_BAR + (size_t)4 * i, 4, f->home[i]);
		pci_put(f->mask + PCI_BAR + (size_t)4 * i, 4,
		    t->bars[i].len ? ~(t->bars[i].len - 1) : 0);
	}
}

/* Appends to the list, whose last link is at *link. Returns where the capability lies. */
static uint8_t append(struct volt_pci_function *f, uint32_t *link, uint32_t *next, uint8_t id,
    const uint8_t *bytes, uint32_t len)
{
	const uint8_t at = (uint8_t)*next;

	f->start[*link] = at;
	f->start[at] = id;
	memcpy(f->start + at + 2, bytes, len - 2);
	*link = at + 1u;
	*next += (len + 3u) & ~3u;
	return at;
}

static void make_msix(struct volt_pci_function *f, uint32_t *link, uint32_t *next)
{
	const struct volt_pci_type *t = &f->type;
	uint8_t bytes[MSIX_LEN - 2] = {0};

	pci_put(bytes, 2, t->vectors - 1u);
	pci_put(bytes + 2, 4, t->msix_table | t->msix_bar);
	pci_put(bytes + 6, 4, t->msix_pending | t->msix_bar);
	f->msix = append(f, link, next, MSIX_ID, bytes, MSIX_LEN);
	pci_put(f->mask + f->msix + MSIX_CONTROL, 2, MSIX_WRITE);
}

static void make_capabilities(struct volt_pci_function *f)
{
	uint32_t link = PCI_CAPABILITIES, next = PCI_FREE;

	if (f->type.vectors)
		make_msix(f, &link, &next);
	for (unsigned i = 0; i < f->type.capability_count; i++) {
		const struct volt_pci_capability *c = &f->type.capabilities[i];

		f->capability[i] = append(f, &link, &next, c->id, c->bytes, c->len);
		f->told[i] = c->told ? c->len : 0;
		if (c->mask)
			memcpy(f->mask + f->capability[i] + 2, c->mask, c->len - 2u);
	}
	f->type.capabilities = NULL; /* they may have been on the caller's stack */
	if (f->start[PCI_CAPABILITIES])
		pci_put(f->start + PCI_STATUS, 2, STATUS_CAPABILITIES);
}

static int get_vectors(struct volt_pci_function *f)
{
	if (f->type.vectors == 0)
		return 0;
	f->msi = f->h->get_ext(f->h, VOLT_EXT_MSI);
	if (!f->msi || !VOLT_HAS(f->msi, set_pending))
		return volt_fail(f->h, ENOTSUP, "the host has no " VOLT_EXT_MSI " of ABI 0.3");
	const int err = f->msi->alloc(f->h, f->type.vectors, &f->first);

	return err ? volt_fail(f->h, -err, "cannot have %u MSI-X vectors", f->type.vectors) : 0;
}

int pci_function_add(struct volt_pci_function *f, const struct volt_host *h,
    const struct volt_pci_type *t, const uint32_t homes[VOLT_PCI_BARS])
{
	int err;

	f->h = h;
	f->bus = &pci_table;
	f->type = *t;
	memcpy(f->home, homes, sizeof(f->home));
	make_header(f);
	make_capabilities(f);
	err = get_vectors(f);
	if (err)
		return err;
	err = pci_bars_add(f);
	return err ? volt_fail(h, -err, "cannot have the memory of a PCI function") : 0;
}

/* ------------------------------------------------------------------ decoding */

static uint32_t command(const struct volt_pci_function *f)
{
	return pci_get(f->config + PCI_COMMAND, 2);
}

/* Where BAR i answers: at home, or in the part of the bridge's window that is the bus's. */
static uint32_t find_base(const struct volt_pci_function *f, unsigned i)
{
	const uint32_t len = f->type.bars[i].len;

	if (!(command(f) & COMMAND_MEMORY) || len == 0)
		return 0;
	const uint32_t at = pci_get(f->config + PCI_BAR + (size_t)4 * i, 4);

	if (at == f->home[i])
		return at;
	return at >= PCI_WINDOW && at < PCI_HOMES && len <= PCI_HOMES - at ? at : 0;
}

static uint32_t find_state(const struct volt_pci_function *f)
{
	uint32_t state = 0;

	if (command(f) & COMMAND_MEMORY)
		state |= VOLT_PCI_MEMORY;
	if (command(f) & COMMAND_MASTER)
		state |= VOLT_PCI_MASTER;
	if (f->msix && pci_get(f->config + f->msix + MSIX_CONTROL, 2) & MSIX_ENABLE)
		state |= VOLT_PCI_MSIX;
	return state;
}

static void update(struct volt_pci_function *f)
{
	const uint32_t state = find_state(f);
	const uint32_t before = __atomic_exchange_n(&f->state, state, __ATOMIC_ACQ_REL);

	for (unsigned i = 0; i < VOLT_PCI_BARS; i++)
		__atomic_store_n(&f->base[i], find_base(f, i), __ATOMIC_RELEASE);
	pci_msix_update(f);
	if (f->type.changed && (state ^ before) & (VOLT_PCI_MEMORY | VOLT_PCI_MASTER))
		f->type.changed(f, state);
}

/* ---------------------------------------------------------------- accesses */

static bool meets(uint32_t off, uint32_t n, uint32_t at, uint32_t len)
{
	return off < at + len && at < off + n;
}

static void tell(struct volt_pci_function *f, uint32_t off, uint32_t n, bool written)
{
	for (unsigned i = 0; i < f->type.capability_count; i++) {
		const uint32_t at = f->capability[i], len = f->told[i];

		if (!meets(off, n, at, len))
			continue;
		const uint32_t first = off > at ? off : at;
		const uint32_t last = off + n < at + len ? off + n : at + len;

		f->type.touch(f, i, first - at, last - first, written);
	}
}

uint32_t pci_function_read_config(struct volt_pci_function *f, uint32_t off, uint32_t n)
{
	tell(f, off, n, false);
	return pci_get(f->config + off, n);
}

void pci_function_write_config(struct volt_pci_function *f, uint32_t off, uint32_t n, uint32_t val)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t mask = f->mask[off + i], byte = (uint8_t)(val >> (8 * i));

		f->config[off + i] = (uint8_t)((f->config[off + i] & ~mask) | (byte & mask));
	}
	if (meets(off, n, PCI_COMMAND, 2) || meets(off, n, PCI_BAR, 4 * VOLT_PCI_BARS) ||
	    (f->msix && meets(off, n, f->msix + MSIX_CONTROL, 2)))
		update(f);
	tell(f, off, n, true);
}

/* -------------------------------------------------- what a device calls itself */

void pci_function_reset(struct volt_pci_function *f)
{
	memcpy(f->config, f->start, sizeof(f->config));
	pci_msix_reset(f);
	update(f);
}

void pci_function_resume(struct volt_pci_function *f)
{
	update(f);
	pci_msix_resume(f);
}

int pci_function_validate(const struct volt_pci_function *f)
{
	for (unsigned i = 0; i < VOLT_PCI_CONFIG; i++)
		if ((f->config[i] ^ f->start[i]) & ~f->mask[i])
			return -EINVAL;
	return pci_msix_is_sound(f) ? 0 : -EINVAL;
}
