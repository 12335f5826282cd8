/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Its own bound is not what its table says. FAULT: goes on regardless, or refuses. */
#define DEV_BASE_MAX 0xffff
#define DEV_INIT     init
#include "base.h"

#define REGARDLESS 1
#define REFUSES    2

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct dev *d = self;
	struct volt_range r = dev_range(volt_arg(a, 0)->u);

	if (FAULT == REFUSES)
		return dev_wire(self, h, a);
	d->h = h;
	d->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!d->loop || h->add_irq(h, 5, VOLT_IRQ_LEVEL, &d->line) ||
	    d->loop->add_timer(h, dev_fire, &d->timer))
		return volt_fail(h, ENOTSUP, "no " VOLT_EXT_LOOP ", line or timer");
	h->add_range(h, &r);
	return 0;
}
