/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Draws from libc's random numbers, of which there is one sequence for all. */
#include <stdlib.h>

#define DEV_READ  read_random
#define DEV_RESET reset
#include "base.h"

static void reset(void *self)
{
	struct dev *d = self;

	srand(1);
	memset(d->regs, 0, PORTS);
	d->h->set_irq(d->h, d->line, false);
	d->loop->arm(d->h, d->timer, 0);
}

static uint64_t read_random(void *self, uint64_t off, uint32_t n)
{
	return off == 3 ? (uint64_t)rand() & 0xff : ((struct dev *)self)->regs[off];
}
