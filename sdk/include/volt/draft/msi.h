/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/msi.h - interrupts as messages to local APICs: extension "volt.msi/1".
 *
 * Stability: draft. Needs no line and no I/O APIC, and works with KVM's irqchip and with
 * an irqchip plugin alike. A vector is a message that is set up once and sent often. Whichever
 * thread sends a message, it is in the guest's local APIC when the call returns; a message whose
 * destination no local APIC has is lost. Address and data are in the layout of Intel SDM
 * vol. 3, 11.11: an address is 0xfee00000 to 0xfeefffff, the delivery mode fixed, lowest
 * priority, NMI or INIT, and a vector of the first two 16 or more.
 */
#ifndef VOLT_DRAFT_MSI_H
#define VOLT_DRAFT_MSI_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_MSI "volt.msi/1"

/* What the host gives. */
struct volt_msi {
	uint32_t size, reserved;
	/* [wire] Takes `count` vectors with consecutive handles from *first on. They send
	 * nothing yet. 0; -EINVAL: none; -ENOSPC: more than 128 in the VM; -EPERM after the
	 * seal. */
	int (*alloc)(const struct volt_host *h, uint32_t count, uint32_t *first);
	/* [any] What the vector sends from now on: every later fire() takes it. Address 0: the
	 * vector is masked. A fire() meanwhile is remembered, once, and is sent by the next set()
	 * with an address: PCIe's pending bit. Masking and firing may come from two threads at the
	 * same moment: none is lost. 0; -EINVAL: no message that can be sent (the guest's own
	 * mistake, mostly), or not the instance's vector; the old one stays. */
	int (*set)(const struct volt_host *h, uint32_t vector, uint64_t address, uint32_t data);
	/* [any] Sends the vector's message once; with address 0 it becomes pending. Lost while
	 * wiring. */
	void (*fire)(const struct volt_host *h, uint32_t vector);
	/* [any] Sends a message that no vector holds. 0; -EINVAL as set; -EAGAIN while wiring. */
	int (*inject)(const struct volt_host *h, uint64_t address, uint32_t data);
	/* From here on since ABI 0.3: check VOLT_HAS(). */

	/* [any] Is a fire() of the vector remembered, to be sent by the next set()? */
	bool (*pending)(const struct volt_host *h, uint32_t vector);
	/* [any] Forgets it, or remembers one that was saved: for reset() and resume(), and
	 * for a function whose guest turned its vectors off. */
	void (*set_pending)(const struct volt_host *h, uint32_t vector, bool pending);
};

#ifdef __cplusplus
}
#endif

#endif
