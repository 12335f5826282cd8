/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/page.h - memory of a device that the guest reads without an exit: "volt.page/1".
 *
 * Stability: draft. A page lies at a place of its own outside of the guest's RAM, so no guest
 * takes it for memory of its own. The guest can read it; a write is dropped, as one to a range
 * without a handler. It is not part of a snapshot: after a restore it is zeros, and the
 * plugin fills it again, from its fields (volt/state.h) or its identity (volt/identity.h).
 */
#ifndef VOLT_PAGE_H
#define VOLT_PAGE_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_PAGE "volt.page/1"

#define VOLT_PAGE_SIZE 4096u /* bytes of each */

/* What the host gives. */
struct volt_page {
	uint32_t size, reserved;
	/* [wire] Adds a page: *gpa gets its guest physical address, below 4 GiB, and *at where it
	 * lies in this process, valid until fini: VOLT_PAGE_SIZE bytes of zeros. The plugin may
	 * write there at any time and on any thread; the guest sees each store of 8 bytes or less
	 * as a whole. `name` is that of a range. 0; -EINVAL: no name; -ENOSPC: more than 8 in the
	 * VM, or no place for it; -ENOMEM; -EPERM after the seal. */
	int (*add)(const struct volt_host *h, const char *name, uint64_t *gpa, void **at);
};

#ifdef __cplusplus
}
#endif

#endif
