/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Its reset leaves something as it was: FAULT is what it does. */
#define DEV_RESET reset
#include "base.h"

#define REGISTER memset(d->regs, 0, 3)
#define LINE     memset(d->regs, 0, PORTS), d->loop->arm(d->h, d->timer, 0)
#define TIMER    memset(d->regs, 0, PORTS), d->h->set_irq(d->h, d->line, false)

static void reset(void *self)
{
	struct dev *d = self;

	FAULT;
}
