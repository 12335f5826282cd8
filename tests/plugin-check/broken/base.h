/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * base - a device without a fault: four registers of a byte at a port, a timer and an
 * interrupt. A file that includes this defines, before, what it does otherwise: a slot
 * by its own function of that name, a word of the descriptor by its own text.
 */
#ifndef BASE_H
#define BASE_H

#include <errno.h>
#include <string.h>

#include <volt/loop.h>
#include <volt/plugin.h>

#define PORTS 4u

struct dev {
	const struct volt_host *h;
	const struct volt_loop *loop;
	uint32_t line, timer;
	void *memory; /* for faults */
	uint8_t regs[PORTS];
};

#ifndef NAME /* the build gives the file's */
#define NAME "base"
#endif
#ifndef DEV_NAME
#define DEV_NAME NAME
#endif
#ifndef DEV_SUMMARY
#define DEV_SUMMARY "a device for a test"
#endif
#ifndef DEV_KIND
#define DEV_KIND VOLT_KIND_DEVICE
#endif
#ifndef DEV_MINOR
#define DEV_MINOR VOLT_ABI_MINOR
#endif
#ifndef DEV_BASE_MAX
#define DEV_BASE_MAX (0x10000 - PORTS)
#endif
#ifndef DEV_LENGTH
#define DEV_LENGTH PORTS
#endif
#ifndef DEV_PARAMS
#define DEV_PARAMS BASE_PARAM
#endif
#ifndef DEV_COUNTERS
#define DEV_COUNTERS {"writes", "writes of a register"},
#endif
#ifndef DEV_STRIDE
#define DEV_STRIDE sizeof(struct volt_counter)
#endif
#define BASE_PARAM \
	{.name = "base", \
	    .type = VOLT_PARAM_UINT, \
	    .def = "0x200", \
	    .max = DEV_BASE_MAX, \
	    .help = "first of its four ports"},

#ifndef DEV_READ
#define DEV_READ dev_read
static uint64_t dev_read(void *self, uint64_t off, uint32_t n)
{
	return ((struct dev *)self)->regs[off];
}
#else
static uint64_t DEV_READ(void *self, uint64_t off, uint32_t n);
#endif

#ifndef DEV_WRITE
#define DEV_WRITE dev_write
static void dev_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct dev *d = self;

	d->regs[off] = (uint8_t)val;
	volt_count(d->h, 0, 1);
	if (off == 1)
		d->h->set_irq(d->h, d->line, val & 1);
	if (off == 2)
		d->loop->arm(d->h, d->timer, val ? d->loop->now(d->h) + val * 1000 : 0);
}
#else
static void DEV_WRITE(void *self, uint64_t off, uint32_t n, uint64_t val);
#endif

#ifndef DEV_RESET
#define DEV_RESET dev_reset
static void dev_reset(void *self)
{
	struct dev *d = self;

	memset(d->regs, 0, sizeof(d->regs));
	d->h->set_irq(d->h, d->line, false);
	d->loop->arm(d->h, d->timer, 0);
}
#elif !defined(NO_RESET)
static void DEV_RESET(void *self);
#endif

#ifndef DEV_START
#define DEV_START NULL
#else
static int DEV_START(void *self);
#endif
#ifndef DEV_FINI
#define DEV_FINI NULL
#else
static void DEV_FINI(void *self);
#endif
#ifndef DEV_EXT
#define DEV_EXT NULL
#else
static const void *DEV_EXT(const char *id);
#endif

static void dev_fire(void *self)
{
	struct dev *d = self;

	d->regs[3]++;
}

static inline struct volt_range dev_range(uint64_t base)
{
	return (struct volt_range){
	    .size = sizeof(struct volt_range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .flags = VOLT_RANGE_SPLIT,
	    .base = base,
	    .len = DEV_LENGTH,
	    .name = "registers",
	    .read = DEV_READ,
	    .write = DEV_WRITE,
	};
}

/* Registers, line and timer, without a fault. */
static inline int dev_wire(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct dev *d = self;
	struct volt_range r = dev_range(volt_arg(a, 0)->u);
	int err;

	d->h = h;
	d->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!d->loop)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP);
	err = h->add_range(h, &r);
	if (err)
		return volt_fail(h, -err, "no ports at base=0x%x", (unsigned)r.base);
	err = h->add_irq(h, 5, VOLT_IRQ_LEVEL, &d->line);
	if (err)
		return volt_fail(h, -err, "no interrupt 5");
	err = d->loop->add_timer(h, dev_fire, &d->timer);
	return err ? volt_fail(h, -err, "no timer") : 0;
}

#ifndef DEV_INIT
#define DEV_INIT dev_wire
#else
static int DEV_INIT(void *self, const struct volt_host *h, const struct volt_args *a);
#endif

static const struct volt_param params[] = {DEV_PARAMS};
static const struct volt_counter counters[] = {DEV_COUNTERS};

#ifdef DEV_NEEDS
static const struct volt_need needs[] = {DEV_NEEDS};
#define NEED_TABLE needs
#define NEED_COUNT (sizeof(needs) / sizeof(needs[0]))
#else
#define NEED_TABLE NULL
#define NEED_COUNT 0
#endif

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    .size = sizeof(struct volt_plugin),
    .abi_major = VOLT_ABI_MAJOR,
    .abi_minor = DEV_MINOR,
    .name = DEV_NAME,
    .version = "1",
    .summary = DEV_SUMMARY,
    .kind = DEV_KIND,
    .instance_size = sizeof(struct dev),
    .params = params,
    .param_stride = sizeof(params[0]),
    .param_count = sizeof(params) / sizeof(params[0]),
    .counters = counters,
    .counter_stride = DEV_STRIDE,
    .counter_count = sizeof(counters) / sizeof(counters[0]),
    .needs = NEED_TABLE,
    .need_stride = sizeof(struct volt_need),
    .need_count = NEED_COUNT,
    .init = DEV_INIT,
    .reset = DEV_RESET,
    .start = DEV_START,
    .fini = DEV_FINI,
    .get_ext = DEV_EXT,
};

#endif
