/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/discard.h - giving memory that the guest does not need back to the host:
 * "volt.discard/1".
 *
 * Stability: draft. Only for plugins whose descriptor has VOLT_FLAG_GUEST_MEMORY; others get
 * NULL for it. The host makes the one system call that this takes on the thread of the worker
 * that asked for it, and its filter holds that call to the guest's memory: a plugin needs no row
 * for it.
 */
#ifndef VOLT_DRAFT_DISCARD_H
#define VOLT_DRAFT_DISCARD_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_DISCARD "volt.discard/1"

#define VOLT_DISCARD_PAGE 4096u /* ranges are multiples of it */

/* What the host gives. */
struct volt_discard {
	uint32_t size, reserved;
	/* [wire] The job of `worker`, one of the instance's own, will give memory back. 0;
	 * -EINVAL: not the instance's worker; -EPERM after the seal. */
	int (*allow)(const struct volt_host *h, uint32_t worker);
	/* [worker] Gives [gpa, gpa + n) back, all of which must be RAM; n may be 0. Each page of it
	 * is zeros afterwards, and takes no memory of the host's until it is touched; or it is as
	 * it was, where the host cannot: memory of huge pages goes back by whole huge pages, and
	 * pages that came from a file, as those of a snapshot that the VM was restored from, do
	 * not. *given gets the bytes that went back. The guest may touch a page at any time,
	 * and what it writes afterwards stays. Who maps such a page (volt/memory.h) sees the
	 * same. A saved VM has zeros there. Only in a job of a worker that was allowed to. 0;
	 * -EINVAL: not whole pages; -EFAULT: not all of it is RAM; -EPERM: not allowed. */
	int (*give)(const struct volt_host *h, uint64_t gpa, uint64_t n, uint64_t *given);
};

#ifdef __cplusplus
}
#endif

#endif
