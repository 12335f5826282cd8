/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * hosting - a machine without a guest of its own: another program is made of these parts, and
 * serves a plugin to somebody else's guest (volt-device).
 */
#ifndef CORE_HOSTING_H
#define CORE_HOSTING_H

#include <stdint.h>

#include "core/base/ledger.h"

struct hosting {
	void *self;
	/* Adds that program's rows to the ledger, when all files are open. `later` are the numbers
	 * of those that come under the seal, of all parts of the machine together. */
	void (*declare)(void *self, struct ledger_later later, struct ledger *l);
	uint32_t files; /* that come under the seal, at a time */
};

#endif
