/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Saves its registers, of which the first is an index that guests cannot set. FAULT is
 * what is wrong with that.
 */
#include <volt/state.h>

#define SOUND    0
#define OUTSIDE  1 /* of the instance: a field */
#define MISSING  2 /* a register */
#define DISTURBS 3 /* a save does */
#define HOSTILE  4 /* the index is believed */
#define LINE     5 /* resume drives none; and it is seldom high */
#define OBSTACLE 6 /* an obstacle changes a register */
#define LINES    7 /* an obstacle is told in two lines */

#define DEV_EXT   get_ext
#define DEV_WRITE write_kept
#define DEV_RESET reset
#include "base.h"

static bool is_due(const struct dev *d)
{
	return FAULT == LINE ? d->regs[1] == 4 : d->regs[1] & 1;
}

static void write_kept(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct dev *d = self;

	d->regs[off] = off == 0 ? 0 : (uint8_t)val;
	d->h->set_irq(d->h, d->line, is_due(d));
}

static void reset(void *self)
{
	struct dev *d = self;

	memset(d->regs, 0, sizeof(d->regs));
	d->h->set_irq(d->h, d->line, false);
}

static void pause(void *self)
{
	struct dev *d = self;

	if (FAULT == DISTURBS)
		d->regs[2]++;
}

static void resume(void *self)
{
	struct dev *d = self;

	if (FAULT != LINE)
		d->h->set_irq(d->h, d->line, is_due(d));
	if (d->regs[0])
		((volatile uint8_t *)d->regs)[d->regs[0]] = 1;
}

static int validate(const void *candidate)
{
	return FAULT != HOSTILE && ((const struct dev *)candidate)->regs[0] != 0 ? -EINVAL : 0;
}

static const char *obstacle(const void *self)
{
	if (FAULT == OBSTACLE)
		((struct dev *)(uintptr_t)self)->regs[1]++;
	return FAULT == LINES ? "one\ntwo" : NULL;
}

static const struct volt_field fields[] = {
    {.name = "regs",
	.offset = offsetof(struct dev, regs) + (FAULT == OUTSIDE ? 100 : 0),
	.stride = 1,
	.count = FAULT == MISSING ? PORTS - 1 : PORTS,
	.type = VOLT_F_U8},
};

static const struct volt_state table = {
    .size = sizeof(table),
    .version = 1,
    .oldest = 1,
    .field_stride = sizeof(fields[0]),
    .field_count = 1,
    .fields = fields,
    .pause = pause,
    .resume = resume,
    .validate = validate,
    .obstacle = obstacle,
};

static const void *get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) == 0 ? &table : NULL;
}
