/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * leveldev - a device for tests: an interrupt line that the guest itself drives.
 *
 *   base + 0  1 byte  the line's level: 0 or 1
 *   base + 1  1 byte  write n: the event loop raises the line n ms later
 */
#include <errno.h>
#include <string.h>

#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/state.h>

enum { PARAM_BASE, PARAM_IRQ, PARAM_CLAIM, PARAM_ROWS };

enum { COUNT_RAISED, COUNT_LOWERED, COUNT_TIMED, COUNT_ROWS };

struct leveldev {
	const struct volt_host *h;
	const struct volt_loop *loop;
	uint32_t line, timer;
	bool level;
	uint64_t deadline_ns; /* 0: the timer is disarmed */
	uint64_t left_ns;     /* of it, as pause finds it */
};

static void drive(struct leveldev *d, bool level)
{
	if (d->level != level)
		volt_count(d->h, level ? COUNT_RAISED : COUNT_LOWERED, 1);
	d->level = level;
	d->h->set_irq(d->h, d->line, level);
}

static void arm(struct leveldev *d, uint64_t deadline_ns)
{
	d->deadline_ns = deadline_ns;
	d->loop->arm(d->h, d->timer, deadline_ns);
}

static uint64_t leveldev_read(void *self, uint64_t off, uint32_t n)
{
	return off == 0 ? ((const struct leveldev *)self)->level : 0;
}

static void leveldev_write(void *self, uint64_t off, uint32_t n, uint64_t value)
{
	struct leveldev *d = self;

	if (off == 0)
		drive(d, value & 1);
	else
		arm(d, d->loop->now(d->h) + value * 1000000);
}

static void fire(void *self)
{
	struct leveldev *d = self;

	d->deadline_ns = 0;
	volt_count(d->h, COUNT_TIMED, 1);
	drive(d, true);
}

static void leveldev_reset(void *self)
{
	struct leveldev *d = self;

	arm(d, 0);
	d->level = false;
	d->h->set_irq(d->h, d->line, false);
}

static int leveldev_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct leveldev *d = self;
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .base = volt_arg(a, PARAM_BASE)->u,
	    .len = 2,
	    .name = "level",
	    .read = leveldev_read,
	    .write = leveldev_write,
	};
	const uint32_t irq = (uint32_t)volt_arg(a, PARAM_IRQ)->u;
	int err;

	d->h = h;
	d->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!d->loop)
		return volt_fail(h, ENOTSUP, "the host does not offer " VOLT_EXT_LOOP);
	err = h->add_range(h, &range);
	if (err)
		return volt_fail(h, -err, "base=0x%x", (unsigned)range.base);
	/* In the order of `choices`. */
	static const uint32_t claims[] = {VOLT_IRQ_EDGE, VOLT_IRQ_LEVEL};
	err = h->add_irq(h, irq, claims[volt_arg(a, PARAM_CLAIM)->u], &d->line);
	if (err)
		return volt_fail(h, -err, "irq=%u", irq);
	err = d->loop->add_timer(h, fire, &d->timer);
	return err ? volt_fail(h, -err, "no timer") : 0;
}

/* A deadline that has passed still fires, so there is at least a nanosecond left of it. */
static void leveldev_pause(void *self)
{
	struct leveldev *d = self;
	uint64_t now = d->loop->now(d->h);

	d->left_ns = d->deadline_ns == 0 ? 0 : d->deadline_ns > now ? d->deadline_ns - now : 1;
}

static void leveldev_resume(void *self)
{
	struct leveldev *d = self;

	arm(d, d->left_ns > 0 ? d->loop->now(d->h) + d->left_ns : 0);
	d->h->set_irq(d->h, d->line, d->level);
}

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct leveldev, level, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct leveldev, left_ns, VOLT_F_U64, 1), .max = 255 * 1000000ull},
};

static const struct volt_state state = {
    .size = sizeof(state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .pause = leveldev_pause,
    .resume = leveldev_resume,
};

static const void *leveldev_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) == 0 ? &state : NULL;
}

static const struct volt_param params[] = {
    [PARAM_BASE] =
	{
	    .name = "base",
	    .type = VOLT_PARAM_UINT,
	    .def = "0x700",
	    .max = 0xfffe,
	    .help = "first of its two I/O ports",
	},
    [PARAM_IRQ] =
	{
	    .name = "irq",
	    .type = VOLT_PARAM_UINT,
	    .def = "10",
	    .max = 255, /* above the last line, for the core to refuse */
	    .help = "interrupt line (GSI)",
	},
    [PARAM_CLAIM] =
	{
	    .name = "claim",
	    .type = VOLT_PARAM_ENUM,
	    .def = "level",
	    .choices = "edge|level",
	    .help = "as which the line is claimed",
	},
};

static const struct volt_counter counters[] = {
    [COUNT_RAISED] = {"raised", "times that the line rose"},
    [COUNT_LOWERED] = {"lowered", "times that it fell"},
    [COUNT_TIMED] = {"timed", "of the rises, those that the event loop made"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "leveldev",
    .version = "0.1.0",
    .summary = "an interrupt line that the guest drives, for tests",
    .instance_size = sizeof(struct leveldev),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = leveldev_init,
    .reset = leveldev_reset,
    .get_ext = leveldev_get_ext,
};
