/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Does not take a failure as it should: FAULT says which. */
#include <stdlib.h>

#define NO_MESSAGE   1
#define LEAK         2
#define NO_MEMORY    3
#define NO_EXTENSION 4
#define UNNAMED      5

#define DEV_INIT init
#define DEV_FINI fini
#include "base.h"

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct dev *d = self;
	int err;

	d->h = h;
	if (FAULT == NO_MESSAGE) {
		err = h->add_irq(h, 7, VOLT_IRQ_EDGE, &d->line);
		if (err)
			return err;
	}
	if (FAULT == LEAK || FAULT == NO_MEMORY) {
		d->memory = malloc(64);
		if (FAULT == NO_MEMORY || d->memory)
			memset(d->memory, 1, 64);
		else
			return volt_fail(h, ENOMEM, "no memory");
	}
	if (FAULT == NO_EXTENSION) {
		const struct volt_loop *loop = h->get_ext(h, VOLT_EXT_LOOP);

		if (loop->size < sizeof(*loop))
			return volt_fail(h, ENOTSUP, "the host's " VOLT_EXT_LOOP " is too old");
	}
	if (FAULT == UNNAMED && !h->get_ext(h, VOLT_EXT_LOOP))
		return volt_fail(h, ENOTSUP, "something is missing");
	err = dev_wire(self, h, a);
	if (err && FAULT == NO_MEMORY)
		free(d->memory);
	return err;
}

static void fini(void *self)
{
	free(((struct dev *)self)->memory);
}
