/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/irqchip.h - an I/O interrupt controller as a plugin.
 *
 * Stability: candidate. A device that offers "volt.irqchip/1" takes the place of the
 * in-kernel controllers: KVM then gives only the local APICs (split irqchip), and
 * every line of every device ends at this plugin. It uses the host's
 * "volt.irqroute/1" to turn a pin into a message to the local APICs.
 *
 * Lock order: device instance, then irqchip instance. The irqchip never calls a
 * device, so it claims no line, nor does a filter that is put on it. At most one irqchip
 * plugin per VM.
 */
#ifndef VOLT_IRQCHIP_H
#define VOLT_IRQCHIP_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_IRQCHIP  "volt.irqchip/1"  /* from the plugin */
#define VOLT_EXT_IRQROUTE "volt.irqroute/1" /* from the host, to an irqchip plugin only */

/* What the firmware tables say of the controller (ACPI 6.5, 5.2.12.3 I/O APIC). */
struct volt_irqchip_info {
	uint32_t size;
	uint32_t pins;     /* 1..24; pin n is GSI gsi_base + n */
	uint32_t gsi_base; /* 0 in ABI 0 */
	uint32_t id;       /* I/O APIC id */
	uint64_t base;     /* guest physical address of its registers */
};

/* What the plugin offers. */
struct volt_irqchip {
	uint32_t size, reserved;
	/* [wire] after init. Fills *info, whose size the host has set. Required. */
	void (*info)(void *self, struct volt_irqchip_info *info);
	/* [any] The level of a pin changed. Required. */
	void (*set_line)(void *self, uint32_t pin, bool level);
	/* [io] A vCPU signalled the end of interrupt `vector`, on that vCPU's thread and
	 * before it re-enters the guest. Only vectors that a route asked for.
	 * Required. */
	void (*eoi)(void *self, uint8_t vector);
};

/* What the host gives. */
struct volt_irqroute {
	uint32_t size, reserved;
	/* [any] The pin's redirection changed: it now sends `data` to `address`, in the
	 * layout of an MSI (Intel SDM vol. 3, 11.11), with bit 15 of `data` (trigger
	 * mode) telling the core that this vector's EOI must come back through eoi().
	 * Every fire() from now on takes it. A pin
	 * that sends nothing has vector 0 and is never fired. */
	void (*route)(const struct volt_host *h, uint32_t pin, uint64_t address, uint32_t data);
	/* [any] Sends the pin's message once, through the newest route given, before it
	 * returns. Lost if no local APIC takes it. */
	void (*fire)(const struct volt_host *h, uint32_t pin);
};

#ifdef __cplusplus
}
#endif

#endif
