/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pages - of devices, beside the guest's memory: volt.page/1, see host_page.h.
 */
#ifndef CORE_PAGES_H
#define CORE_PAGES_H

#include <stdint.h>

#define PAGES_MAX 8u

/* All pages of a VM, one after the other. */
struct pages {
	uint8_t *host; /* NULL: none yet */
	uint32_t count;
	uint64_t gpa[PAGES_MAX];
};

#endif
