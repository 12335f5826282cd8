/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pci - between the bus and its functions.
 */
#ifndef PCI_H
#define PCI_H

#include <volt/draft/pci.h>

/*
 * Memory that the bridge gives on to its bus. The lower half is empty at a reset: a guest that
 * gives out addresses itself begins there, and the bus passes its accesses on. The upper half
 * holds the homes of BARs, which their devices answer themselves; a BAR at home costs nothing,
 * and no other BAR can be there. (KVM's doorbells stay where they were wired.)
 */
#define PCI_WINDOW     0xe0000000u
#define PCI_WINDOW_LEN 0x10000000u
#define PCI_HOMES      0xe8000000u

/* Offsets in configuration space (PCI 6.1). */
#define PCI_COMMAND      0x04u
#define PCI_STATUS       0x06u
#define PCI_REVISION     0x08u
#define PCI_BAR          0x10u
#define PCI_SUBSYSTEM    0x2cu
#define PCI_CAPABILITIES 0x34u
#define PCI_LINE         0x3cu
#define PCI_FREE         0x40u /* where capabilities may be */

#pragma GCC visibility push(hidden)

extern const struct volt_pci pci_table;

/* Wires a function whose BARs shall lie at `homes`. 0, or what volt_fail() returned. */
int pci_function_add(struct volt_pci_function *f, const struct volt_host *h,
    const struct volt_pci_type *t, const uint32_t homes[VOLT_PCI_BARS]);
/* Checks what add() was given. NULL, or the fault. */
const char *pci_function_fault(const struct volt_pci_type *t);

/* [io] Under its lock; off + n <= VOLT_PCI_CONFIG. */
uint32_t pci_function_read_config(struct volt_pci_function *f, uint32_t off, uint32_t n);
void pci_function_write_config(struct volt_pci_function *f, uint32_t off, uint32_t n, uint32_t val);

void pci_function_reset(struct volt_pci_function *f);
void pci_function_resume(struct volt_pci_function *f);
int pci_function_validate(const struct volt_pci_function *f);

/* The BAR that answers at `at`, or -1; without its lock. */
int pci_function_find_bar(const struct volt_pci_function *f, uint32_t at);

/* BARs with the MSI-X table in them. */
uint32_t pci_bar_read(struct volt_pci_function *f, unsigned bar, uint32_t off, uint32_t n);
void pci_bar_write(
    struct volt_pci_function *f, unsigned bar, uint32_t off, uint32_t n, uint32_t val);
/* A range for each BAR. 0 or -errno. */
int pci_bars_add(struct volt_pci_function *f);

/* MSI-X. */
void pci_msix_reset(struct volt_pci_function *f);
/* Command, control or state have changed: every vector is set anew. */
void pci_msix_update(struct volt_pci_function *f);
/* Is it of the table or of the pending bits? */
bool pci_msix_holds(const struct volt_pci_function *f, unsigned bar, uint32_t off);
uint32_t pci_msix_read(struct volt_pci_function *f, uint32_t off, uint32_t n);
void pci_msix_write(struct volt_pci_function *f, uint32_t off, uint32_t n, uint32_t val);
void pci_msix_fire(struct volt_pci_function *f, uint32_t vector);
/* The pending bits into `pending`, and out of it. */
void pci_msix_pause(struct volt_pci_function *f);
void pci_msix_resume(struct volt_pci_function *f);
bool pci_msix_is_sound(const struct volt_pci_function *f);

#pragma GCC visibility pop

/* Little-endian bytes. */
static inline uint32_t pci_get(const uint8_t *p, uint32_t n)
{
	uint32_t val = 0;

	for (uint32_t i = 0; i < n; i++)
		val |= (uint32_t)p[i] << (8 * i);
	return val;
}

static inline void pci_put(uint8_t *p, uint32_t n, uint32_t val)
{
	for (uint32_t i = 0; i < n; i++)
		p[i] = (uint8_t)(val >> (8 * i));
}

#endif
