/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * rtc - a PC's real-time clock: the chip of chip.c at ports 0x70 and 0x71, on line 8.
 *
 * Sources: see rtc.h; IBM PC/AT Technical Reference, "Real-time clock/CMOS RAM", for ports and
 * line; ACPI 6.5, 5.2.9 and 9.14, for PNP0B00.
 */
#include "rtc.h"

#include <errno.h>
#include <string.h>

#include <volt/describe.h>

#define PORT  0x70u
#define PORTS 2u
#define GSI   8u

/* The index cannot be read back. */
static uint64_t rtc_read(void *self, uint64_t off, uint32_t n)
{
	struct rtc *r = self;

	return off ? chip_read(r, r->index) : 0xff;
}

/* Bit 7 of the index masks the NMI, of which there is none to mask. */
static void rtc_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct rtc *r = self;

	if (off)
		chip_write(r, r->index, (uint8_t)val);
	else
		r->index = val & (RTC_BYTES - 1);
}

static void rtc_fire_second(void *self)
{
	struct rtc *r = self;

	r->second_armed = 0;
	chip_look(r);
}

static void rtc_fire_period(void *self)
{
	struct rtc *r = self;

	r->period_armed = 0;
	chip_look(r);
}

static int describe(const struct volt_host *h)
{
	const struct volt_describe *d = h->get_ext(h, VOLT_EXT_DESCRIBE);
	const struct volt_acpi_device device = {
	    .size = sizeof(device),
	    .hid = "PNP0B00",
	    .resource_count = 2,
	    .resources =
		{
		    {.type = VOLT_RES_PIO, .base = PORT, .len = PORTS},
		    {.type = VOLT_RES_IRQ, .flags = VOLT_IRQ_EDGE, .base = GSI},
		},
	};

	if (!d)
		return 0;
	const int err = d->device(h, &device);
	return err ? volt_fail(h, -err, "not described to the guest: %s", strerror(-err)) : 0;
}

static int add_timers(struct rtc *r)
{
	const struct volt_host *h = r->h;

	r->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!r->loop || !VOLT_HAS(r->loop, realtime))
		return volt_fail(
		    h, ENOTSUP, "the host has no " VOLT_EXT_LOOP " that tells the time of day");
	int err = r->loop->add_timer(h, rtc_fire_second, &r->second_timer);
	if (err)
		return volt_fail(h, -err, "no timer: %s", strerror(-err));
	err = r->loop->add_timer(h, rtc_fire_period, &r->period_timer);
	return err ? volt_fail(h, -err, "no second timer: %s", strerror(-err)) : 0;
}

static int rtc_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct rtc *r = self;
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .flags = VOLT_RANGE_SPLIT,
	    .base = PORT,
	    .len = PORTS,
	    .name = "rtc",
	    .read = rtc_read,
	    .write = rtc_write,
	};

	r->h = h;
	int err = add_timers(r);
	if (err)
		return err;
	err = h->add_range(h, &range);
	if (err)
		return volt_fail(h, -err, "no ports: %s", strerror(-err));
	err = h->add_irq(h, GSI, VOLT_IRQ_EDGE, &r->line);
	if (err)
		return volt_fail(h, -err, "no interrupt line %u: %s", GSI, strerror(-err));
	return describe(h);
}

static void rtc_reset(void *self)
{
	chip_reset(self);
}

static const void *rtc_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &rtc_state;
}

static const struct volt_counter counters[] = {
    [COUNT_INTERRUPTS] = {"interrupts", "rising edges of the interrupt line"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "rtc",
    .version = "0.1.0",
    .summary = "real-time clock of a PC (MC146818)",
    .flags = VOLT_FLAG_WALL_CLOCK,
    .instance_size = sizeof(struct rtc),
    VOLT_COUNTERS(counters),
    .init = rtc_init,
    .reset = rtc_reset,
    .get_ext = rtc_get_ext,
};
