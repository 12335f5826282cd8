/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/pci.h - a plugin as a PCI function: extension "volt.pci/1" of a bus.
 *
 * Stability: draft. The plugin `pci` offers it; a device looks for it with find():
 *
 *   struct widget { struct volt_pci_function pci; ... };
 *
 *   struct volt_peer bus = {.size = sizeof(bus)};
 *   if (h->find(h, VOLT_EXT_PCI, &bus) == 0) {
 *           const struct volt_pci *pci = bus.table;
 *           err = pci->add(bus.self, h, &widget->pci, &type);
 *   }
 *
 * The function is the first member of the instance. The bus answers configuration cycles, sizes
 * and moves BARs, and keeps MSI-X table and pending bits; the device answers at its BARs while
 * the guest has them decoded, and fires vectors. Everything that a guest can change is in
 * volt_pci_function, under the lock of its instance: VOLT_PCI_FIELDS saves it.
 *
 * Sources: PCI Local Bus Specification 3.0, chapter 6, cited as "PCI 6.2.5"; MSI-X is 6.8.
 *
 * There is no interrupt pin: a function has MSI-X or no interrupts. There are no BARs of I/O
 * ports and none of 64 bits.
 */
#ifndef VOLT_DRAFT_PCI_H
#define VOLT_DRAFT_PCI_H

#include <volt/draft/msi.h>
#include <volt/plugin.h>
#include <volt/state.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_PCI "volt.pci/1"

#define VOLT_PCI_BARS         6u   /* of a function, at most */
#define VOLT_PCI_VECTORS      32u  /* of MSI-X, at most */
#define VOLT_PCI_CAPABILITIES 8u   /* of the device's own, at most */
#define VOLT_PCI_CONFIG       256u /* bytes of configuration space */

/* Bits of `state`: what the guest has turned on. */
#define VOLT_PCI_MEMORY 1u /* the BARs are decoded (PCI 6.2.2) */
#define VOLT_PCI_MASTER 2u /* the function may read and write memory, and send messages */
#define VOLT_PCI_MSIX   4u /* MSI-X is enabled (PCI 6.8.2.3) */

/* Memory that answers: 32 bits, not prefetchable. */
struct volt_pci_bar {
	uint32_t len; /* bytes: a power of two, 4096 to 0x1000000; 0: there is no such BAR */
	uint32_t reserved;
	/* [io] Accesses of 1, 2 and 4 bytes, as of a volt_range; not of the MSI-X table and pending
	 * bits. NULL: reads as all ones. */
	uint64_t (*read)(void *self, uint64_t off, uint32_t n);
	/* [io] NULL: dropped. */
	void (*write)(void *self, uint64_t off, uint32_t n, uint64_t val);
};

/* One entry of the capability list (PCI 6.7). */
struct volt_pci_capability {
	uint8_t id;           /* what it is (PCI appendix H) */
	uint8_t len;          /* bytes, with id and link; 3..64; the bus rounds up to 4 */
	uint8_t told;         /* 1: accesses are told by touch() */
	uint8_t reserved;     /* 0 */
	const uint8_t *bytes; /* len - 2 of them, behind the link */
	const uint8_t *mask;  /* which of their bits the guest may write; NULL: none */
};

/* A function, as its device describes it. Copied by add(), with the bytes of capabilities. */
struct volt_pci_type {
	uint32_t size;
	uint32_t class_revision;              /* class code << 8 | revision id, as at offset 8 */
	uint16_t vendor, device;              /* PCI 6.2.1; vendor 0xffff is nobody */
	uint16_t subsystem_vendor, subsystem; /* PCI 6.2.4 */
	const char *name;                     /* of its ranges; static */
	uint16_t vectors;                     /* of MSI-X; 0: none, and no capability */
	uint8_t msix_bar;                  /* the BAR that holds its table and its pending bits */
	uint8_t capability_count;          /* at most VOLT_PCI_CAPABILITIES, besides MSI-X */
	uint32_t msix_table, msix_pending; /* offsets in that BAR: multiples of 16 and of 8 */
	struct volt_pci_bar bars[VOLT_PCI_BARS];        /* those that have a length */
	const struct volt_pci_capability *capabilities; /* in the order of the list */
	/* [io] Of capability number `index` with `told`: the guest is about to read, or has just
	 * written, its bytes [off, off + n), counted from its id. volt_pci_bytes() holds them.
	 * NULL if none has it. */
	void (*touch)(void *self, unsigned index, uint32_t off, uint32_t n, bool written);
	/* [io] [loop] `state` of the function has changed, in VOLT_PCI_MEMORY or VOLT_PCI_MASTER.
	 * A device stops reading and writing memory before it returns, if MASTER is not there.
	 * NULL: nothing to do. */
	void (*changed)(void *self, uint32_t state);
};

struct volt_pci;

/* A function, first in its instance. Members are the bus's; what is saved says so. */
struct volt_pci_function {
	const struct volt_host *h;    /* of its instance, from add() */
	const struct volt_pci *bus;   /* from add(); NULL: it is on no bus */
	const struct volt_msi *msi;   /* volt.msi/1, if it has vectors */
	struct volt_pci_type type;    /* from add() */
	uint32_t first;               /* handle of vector 0 */
	uint32_t state;               /* atomic; VOLT_PCI_* bits */
	uint32_t home[VOLT_PCI_BARS]; /* the address of each BAR at a reset; 0: not there */
	uint32_t base[VOLT_PCI_BARS]; /* atomic; where it answers now; 0: nowhere */
	uint8_t capability[VOLT_PCI_CAPABILITIES]; /* where each lies in `config` */
	uint8_t told[VOLT_PCI_CAPABILITIES];  /* its length, if touch() wants to know; else 0 */
	uint8_t msix;                         /* where MSI-X lies in it; 0: there is none */
	uint8_t start[VOLT_PCI_CONFIG];       /* `config` at a reset */
	uint8_t mask[VOLT_PCI_CONFIG];        /* which of its bits the guest may write */
	uint8_t config[VOLT_PCI_CONFIG];      /* saved */
	uint32_t table[VOLT_PCI_VECTORS * 4]; /* saved; MSI-X (PCI 6.8.2.6 to 6.8.2.9) */
	uint32_t pending;                     /* saved; a bit for each vector, of pause() */
};

/* What a bus gives. The functions behind add() take a function alone and no lock, so its device may
 * call them after the seal. */
struct volt_pci {
	uint32_t size, reserved;
	/* [wire] In the device's init: gives it a device number and addresses, adds a range for
	 * each BAR, and allots vectors. `bus` is peer.self; *f is the start of the instance and
	 * zeroed. home[] then says where BARs are, for volt.doorbell/1; a doorbell rings there
	 * whether the BAR is decoded or not, and not where a guest moves the BAR: there `write`
	 * is called. 0, or what volt_fail() returned: malformed; more than 31 functions; no room
	 * for a BAR; too many vectors. */
	int (*add)(void *bus, const struct volt_host *h, struct volt_pci_function *f,
	    const struct volt_pci_type *t);
	/* [loop] For the device's reset: power-on values. */
	void (*reset)(struct volt_pci_function *f);
	/* [any] Sends the vector's message. While the vector or the function is masked, or the
	 * function is no bus master, it becomes pending (PCI 6.8.2.4); with MSI-X off it is lost.
	 */
	void (*fire)(struct volt_pci_function *f, uint32_t vector);
	/* [io] An access to BAR number `bar` by the device itself, decoded or not, its MSI-X table
	 * and pending bits included; n is 1, 2 or 4. Outside of the BAR: all ones, or dropped. */
	uint32_t (*read)(struct volt_pci_function *f, unsigned bar, uint32_t off, uint32_t n);
	/* [io] As read. */
	void (*write)(
	    struct volt_pci_function *f, unsigned bar, uint32_t off, uint32_t n, uint32_t val);
	/* [loop] For the slots of volt.state/1, after the device's own pause() and before its own
	 * resume(). */
	void (*pause)(struct volt_pci_function *f);
	/* [loop] As pause. */
	void (*resume)(struct volt_pci_function *f);
	/* [any] Could a function be like this? 0 or -EINVAL. Changes nothing. */
	int (*validate)(const struct volt_pci_function *f);
};

/* [any] Is every bit of `bits` on? */
static inline bool volt_pci_is(const struct volt_pci_function *f, uint32_t bits)
{
	return (__atomic_load_n(&f->state, __ATOMIC_ACQUIRE) & bits) == bits;
}

/* [io] The bytes of its capability number `index`, from the id on. */
static inline uint8_t *volt_pci_bytes(struct volt_pci_function *f, unsigned index)
{
	return f->config + f->capability[index];
}

/* NOLINTBEGIN(bugprone-macro-parentheses) */

/* Rows of fields for struct `s`, whose function is `member`. */
#define VOLT_PCI_FIELDS(s, member) \
	{VOLT_FIELD(s, member.config, VOLT_F_U8, VOLT_PCI_CONFIG)}, \
	    {VOLT_FIELD(s, member.table, VOLT_F_U32, VOLT_PCI_VECTORS * 4)}, \
	{ \
		VOLT_FIELD(s, member.pending, VOLT_F_U32, 1) \
	}

/* NOLINTEND(bugprone-macro-parentheses) */

#ifdef __cplusplus
}
#endif

#endif
