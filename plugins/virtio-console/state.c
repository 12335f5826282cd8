/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What is saved: what the driver knows of the ports, and the input that it has not read yet. Not
 * which peers are connected: the driver is notified if that differs after a restore.
 */
#include <errno.h>

#include "console.h"

static bool is_unused(const struct port *p)
{
	return !p->added && !p->ready && !p->open && !p->told && !p->left && !p->say && !p->sent &&
	       !p->count;
}

static int validate(const void *candidate)
{
	const struct console *c = candidate;

	for (unsigned n = 0; n < PORTS; n++)
		if (!c->port[n].there && !is_unused(&c->port[n]))
			return -EINVAL;
	for (unsigned i = c->type.queues; i < QUEUES; i++)
		if (c->q[i].ready)
			return -EINVAL;
	return volt_virtio_validate(&c->v, c->q);
}

/* How much input there is may be another than before, and so may the terminal. */
static void resume(void *self)
{
	struct console *c = self;

	volt_virtio_resume(self);
	for (unsigned n = 0; n < PORTS; n++)
		port_set_room(c, n);
	if (size_look(c))
		size_tell(c);
}

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct console, config.size, VOLT_F_U8, 4)},
    {VOLT_FIELD_EACH(struct console, port, added, VOLT_F_BOOL)},
    {VOLT_FIELD_EACH(struct console, port, ready, VOLT_F_BOOL)},
    {VOLT_FIELD_EACH(struct console, port, open, VOLT_F_BOOL)},
    {VOLT_FIELD_EACH(struct console, port, told, VOLT_F_BOOL)},
    {VOLT_FIELD_EACH(struct console, port, left, VOLT_F_BOOL)},
    {VOLT_FIELD_EACH(struct console, port, say, VOLT_F_U8), .max = SAY_ALL},
    {VOLT_FIELD_EACH(struct console, port, sent, VOLT_F_U32)},
    {VOLT_FIELD_EACH(struct console, port, start, VOLT_F_U32), .max = INPUT - 1},
    {VOLT_FIELD_EACH(struct console, port, count, VOLT_F_U32), .max = INPUT},
    {VOLT_FIELD(struct console, input, VOLT_F_U8, PORTS *INPUT)},
    VOLT_VIRTIO_FIELDS(struct console),
};

const struct volt_state console_state = {
    .size = sizeof(console_state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .pause = volt_virtio_pause,
    .resume = resume,
    .validate = validate,
};
