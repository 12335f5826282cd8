/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * msix - the MSI-X table and the pending bits of a function (PCI 6.8.2).
 *
 * volt.msi/1 remembers what is fired while a vector has no address. So a vector that is masked,
 * by itself, by its function or because the function is no bus master, has address 0, and its
 * pending bit is what the host remembers.
 */
#include "pci.h"

/* Of message control (PCI 6.8.2.3). */
#define CONTROL       2u /* offset in the capability */
#define FUNCTION_MASK 0x4000u
#define ENABLE        0x8000u

/* Words of an entry (PCI 6.8.2.6 to 6.8.2.9). */
#define ENTRY_WORDS 4u
enum { ADDRESS, UPPER_ADDRESS, DATA, VECTOR_CONTROL };
#define ADDRESS_BITS 0xfffffffcu
#define MASKED       1u

static uint32_t table_bytes(const struct volt_pci_function *f)
{
	return f->type.vectors * ENTRY_WORDS * 4u;
}

static uint32_t pending_bytes(const struct volt_pci_function *f)
{
	return (f->type.vectors + 63u) / 64 * 8;
}

static uint32_t control(const struct volt_pci_function *f)
{
	return f->msix ? pci_get(f->config + f->msix + CONTROL, 2) : 0;
}

static bool is_masked(const struct volt_pci_function *f, uint32_t vector)
{
	return !volt_pci_is(f, VOLT_PCI_MASTER) || control(f) & FUNCTION_MASK ||
	       f->table[ENTRY_WORDS * vector + VECTOR_CONTROL] & MASKED;
}

/* A message that is no interrupt (not to a local APIC) is not sent. */
static void update(struct volt_pci_function *f, uint32_t vector)
{
	const uint32_t *e = &f->table[(size_t)ENTRY_WORDS * vector];
	const uint64_t address = (uint64_t)e[UPPER_ADDRESS] << 32 | e[ADDRESS];

	if (!volt_pci_is(f, VOLT_PCI_MSIX) || is_masked(f, vector) ||
	    f->msi->set(f->h, f->first + vector, address, e[DATA]))
		f->msi->set(f->h, f->first + vector, 0, 0);
}

void pci_msix_update(struct volt_pci_function *f)
{
	for (uint32_t i = 0; i < f->type.vectors; i++) {
		update(f, i);
		if (!volt_pci_is(f, VOLT_PCI_MSIX))
			f->msi->set_pending(f->h, f->first + i, false);
	}
}

/* PCI 6.8.2.9: all are masked. */
void pci_msix_reset(struct volt_pci_function *f)
{
	for (uint32_t i = 0; i < f->type.vectors; i++) {
		uint32_t *e = &f->table[(size_t)ENTRY_WORDS * i];

		e[ADDRESS] = e[UPPER_ADDRESS] = e[DATA] = 0;
		e[VECTOR_CONTROL] = MASKED;
	}
	f->pending = 0;
}

bool pci_msix_holds(const struct volt_pci_function *f, unsigned bar, uint32_t off)
{
	if (!f->msix || bar != f->type.msix_bar)
		return false;
	return off - f->type.msix_table < table_bytes(f) ||
	       off - f->type.msix_pending < pending_bytes(f);
}

/* One bit for each vector that waits to be unmasked. One whose message cannot be sent waits for
 * nothing. */
static uint32_t pending(const struct volt_pci_function *f)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < f->type.vectors; i++)
		if (is_masked(f, i) && f->msi->pending(f->h, f->first + i))
			bits |= UINT32_C(1) << i;
	return bits;
}

/* PCI 6.8.2: software reads and writes aligned words; else the result is undefined: here 0. */
uint32_t pci_msix_read(struct volt_pci_function *f, uint32_t off, uint32_t n)
{
	if (n != 4 || off % 4)
		return 0;
	if (off - f->type.msix_table < table_bytes(f))
		return f->table[(off - f->type.msix_table) / 4];
	return off == f->type.msix_pending ? pending(f) : 0;
}

void pci_msix_write(struct volt_pci_function *f, uint32_t off, uint32_t n, uint32_t val)
{
	const uint32_t at = (off - f->type.msix_table) / 4;

	if (n != 4 || off % 4 || off - f->type.msix_table >= table_bytes(f))
		return;
	if (at % ENTRY_WORDS == ADDRESS)
		val &= ADDRESS_BITS;
	if (at % ENTRY_WORDS == VECTOR_CONTROL)
		val &= MASKED;
	if (!is_masked(f, at / ENTRY_WORDS)) /* so only what could not be sent is waiting */
		f->msi->set_pending(f->h, f->first + at / ENTRY_WORDS, false);
	f->table[at] = val;
	update(f, at / ENTRY_WORDS);
}

void pci_msix_fire(struct volt_pci_function *f, uint32_t vector)
{
	if (vector < f->type.vectors && volt_pci_is(f, VOLT_PCI_MSIX))
		f->msi->fire(f->h, f->first + vector);
}

void pci_msix_pause(struct volt_pci_function *f)
{
	f->pending = f->type.vectors ? pending(f) : 0;
}

void pci_msix_resume(struct volt_pci_function *f)
{
	for (uint32_t i = 0; i < f->type.vectors; i++)
		f->msi->set_pending(f->h, f->first + i, f->pending >> i & 1);
}

bool pci_msix_is_sound(const struct volt_pci_function *f)
{
	const uint32_t n = f->type.vectors;

	for (uint32_t i = 0; i < VOLT_PCI_VECTORS; i++) {
		const uint32_t *e = &f->table[(size_t)ENTRY_WORDS * i];

		if (i >= n && (e[ADDRESS] || e[UPPER_ADDRESS] || e[DATA] || e[VECTOR_CONTROL]))
			return false;
		if (e[ADDRESS] & ~ADDRESS_BITS || e[VECTOR_CONTROL] & ~MASKED)
			return false;
		if (f->pending >> i & 1 && i >= n)
			return false;
	}
	return true;
}
