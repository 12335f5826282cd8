/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/doorbell.h - addresses that only say "look": extension "volt.doorbell/1".
 *
 * Stability: draft. A write to a doorbell does not call the range's `write`: its vCPU goes
 * on at once, and `rung` is called later on the loop's thread, at least once after the last
 * write. How often the guest wrote, and other values than a matched one, are lost. KVM
 * itself takes the write where it can; where it cannot, the host does, and the plugin sees
 * no difference.
 *
 * A write rings if it, or a piece of it that the range's flags have split off, starts at
 * the address and has the width. Others, and all reads, go to the range as ever.
 */
#ifndef VOLT_DRAFT_DOORBELL_H
#define VOLT_DRAFT_DOORBELL_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_DOORBELL "volt.doorbell/1"

#define VOLT_DOORBELL_MATCH 1u /* rings only if `value` is what is written */
/* Posts `worker` instead of calling `rung`: nothing runs on the loop's thread. KVM wakes the
 * worker itself where it takes the write, otherwise the vCPU that wrote does. */
#define VOLT_DOORBELL_POST 2u
/* Counts in an event that another process waits for, instead of calling `rung`: event_fd() gives
 * it. Neither the loop nor a worker is woken. Not with VOLT_DOORBELL_POST. */
#define VOLT_DOORBELL_EVENT 4u

/* Where a doorbell is, and who is told. */
struct volt_doorbell_at {
	uint32_t size;
	uint8_t space; /* VOLT_SPACE_* */
	uint8_t width; /* 1, 2, 4 or 8: one of the sizes of the range that it lies in */
	uint8_t flags; /* VOLT_DOORBELL_* */
	uint8_t reserved;
	uint64_t address; /* inside of a range that the instance has added */
	uint64_t value;   /* with VOLT_DOORBELL_MATCH; fits the width; else 0 */
	/* [loop] Somebody wrote. `doorbell` is the handle that add gave. Required, but with
	 * VOLT_DOORBELL_POST or VOLT_DOORBELL_EVENT never called, so NULL will do. */
	void (*rung)(void *self, uint32_t doorbell);
	uint32_t worker;    /* with VOLT_DOORBELL_POST: one of the instance's own; since ABI 0.3 */
	uint32_t reserved2; /* 0 */
};

/* What the host gives. */
struct volt_doorbell {
	uint32_t size, reserved;
	/* [wire] Makes a doorbell; *at is copied, *doorbell gets its handle. 0; -EINVAL:
	 * malformed, or not its worker; -EOPNOTSUPP: an unknown flag; -ENXIO: no range of the
	 * instance, added before, holds it and takes that width; -EEXIST: a write could ring an
	 * earlier one too; -ENOSPC: more than 128 in the VM; -EPERM after the seal. */
	int (*add)(
	    const struct volt_host *h, const struct volt_doorbell_at *at, uint32_t *doorbell);
	/* [any] A file descriptor that raises edge line `line` once for every 8-byte write of
	 * the number 1: for a worker, or a part of the kernel, that has no way to set_irq().
	 * The host's: not to be closed or read. -EOPNOTSUPP: the line is none of the instance's,
	 * is a level, or ends in an irqchip plugin; then set_irq() is the way. -EAGAIN while
	 * wiring. Whoever uses it leaves set_irq() of that line alone. */
	int (*irq_fd)(const struct volt_host *h, uint32_t line);
	/* From here on since ABI 0.3: check VOLT_HAS(). */

	/* [any] The eventfd of a doorbell with VOLT_DOORBELL_EVENT, to be given to another process.
	 * The host's: not to be closed or read. -EINVAL: not such a doorbell of the instance;
	 * -EAGAIN while wiring. */
	int (*event_fd)(const struct volt_host *h, uint32_t doorbell);
	/* [any] As if the guest had rung it, for a doorbell with VOLT_DOORBELL_EVENT. Lost while
	 * wiring. */
	void (*ring)(const struct volt_host *h, uint32_t doorbell);
};

#ifdef __cplusplus
}
#endif

#endif
