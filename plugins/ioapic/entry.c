/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "entry.h"

#define VECTOR_MIN 16u /* [SDM] 11.5.2: lower ones are illegal in a message */

/* [SDM] 11.11.1 and 11.11.2 */
#define MSI_ADDRESS      0xfee00000ull
#define MSI_REDIRECTION  (1ull << 3)
#define MSI_DEST_LOGICAL (1ull << 2)
#define MSI_ASSERT       (1u << 14)
#define MSI_LEVEL        (1u << 15)

static bool has_vector(uint64_t entry)
{
	uint64_t mode = entry & DELMOD;

	return mode == DELMOD_FIXED || mode == DELMOD_LOWEST;
}

/* NMI and INIT are edges even if programmed as levels, and set no Remote IRR ([ICH2]). */
bool ioapic_entry_is_level(uint64_t entry)
{
	return entry & TRIGGER && has_vector(entry);
}

/*
 * ExtINT wants an 8259 to supply the vector, and a split irqchip has none. SMI wants
 * firmware, and is not supported by [ICH6] either. The rest is reserved; in an MSI,
 * KVM takes 011 and 110 for messages of its own.
 */
bool ioapic_entry_is_deliverable(uint64_t entry)
{
	uint64_t mode = entry & DELMOD;

	if (has_vector(entry))
		return (entry & INTVEC) >= VECTOR_MIN;
	return mode == DELMOD_NMI || mode == DELMOD_INIT;
}

uint64_t ioapic_entry_address(uint64_t entry)
{
	uint64_t address = MSI_ADDRESS;

	if (!ioapic_entry_is_deliverable(entry))
		return address;
	address |= (entry & DEST) >> 56 << 12;
	if (entry & DESTMOD)
		address |= MSI_DEST_LOGICAL;
	if ((entry & DELMOD) == DELMOD_LOWEST)
		address |= MSI_REDIRECTION;
	return address;
}

uint32_t ioapic_entry_data(uint64_t entry)
{
	uint32_t data = MSI_ASSERT; /* always 1: [ICH10] table 5-18 */

	if (!ioapic_entry_is_deliverable(entry))
		return data;
	data |= (uint32_t)(entry & DELMOD);
	if (has_vector(entry))
		data |= (uint32_t)(entry & INTVEC);
	if (ioapic_entry_is_level(entry))
		data |= MSI_LEVEL;
	return data;
}
