/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host_page - volt.page/1: pages of devices that the guest reads without an exit.
 */
#ifndef CORE_HOST_PAGE_H
#define CORE_HOST_PAGE_H

#include <volt/draft/page.h>

#include "core/config.h"
#include "core/vm/pages.h"

struct kvm;

#if VOLT_HAS_SNAPSHOT

extern const struct volt_page host_page;

/* [wire] Gives them to KVM, when the VM is there. 0 or -errno, which is logged. */
int pages_map(const struct pages *p, struct kvm *k);

#else

static inline int pages_map(const struct pages *p, struct kvm *k)
{
	return 0;
}

#endif

#endif
