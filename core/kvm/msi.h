/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * msi - interrupts that no line carries (volt.msi/1).
 *
 * A vector is a message that a device owns; firing it hands KVM the message, on the
 * thread that fires, so that it is in the guest's local APIC before the call returns.
 */
#ifndef CORE_MSI_H
#define CORE_MSI_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event/callee.h"
#include "core/event/end.h"
#include "core/kvm/kvm.h"

#define MSI_MAX 128

struct msi_vector {
	struct callee *owner;
	uint64_t message; /* atomic; address << 32 | data; 0: masked */
	uint8_t pending;  /* atomic; fired while masked */
};

struct msi {
	struct kvm *kvm;
	struct vm_end *end;
	bool wired;          /* KVM has an irqchip */
	struct callee *user; /* the first instance that asked for the service, or NULL */
	struct msi_vector vectors[MSI_MAX];
	uint32_t count;
};

int msi_alloc(struct msi *s, struct callee *owner, uint32_t count, uint32_t *first);

/* [any] */
int msi_set(struct msi *s, struct callee *owner, uint32_t vector, uint64_t address, uint32_t data);
void msi_fire(struct msi *s, struct callee *owner, uint32_t vector);
bool msi_pending(struct msi *s, struct callee *owner, uint32_t vector);
void msi_set_pending(struct msi *s, struct callee *owner, uint32_t vector, bool pending);
int msi_inject(struct msi *s, uint64_t address, uint32_t data);
/* As msi_inject(), unchecked: for an irqchip plugin's pins. */
void msi_send(struct msi *s, uint64_t address, uint32_t data);

#endif
