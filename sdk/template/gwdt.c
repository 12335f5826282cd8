/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * gwdt - the generic watchdog of Arm's Base System Architecture (DEN0094),
 * revision 0: a guest that does not refresh it in time gets an interrupt (WS0), and after
 * the same time once more is reset (WS1).
 *
 * The one file of this project that is the device. Two pages of registers: the refresh frame
 * at `base`, the control frame 4 KiB above it.
 */
#include <errno.h>
#include <string.h>

#include <volt/describe.h>
#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/state.h>

#define FRAME 0x1000u

/* Offsets in either frame, and bits. */
#define WRR    0x000u /* refresh frame, write only: refreshes */
#define WCS    0x000u /* control frame from here on: control and status */
#define WOR    0x008u /* offset: ticks from a refresh to WS0, and from there to WS1 */
#define WCV_LO 0x010u /* compare value: the count at which the next stage comes */
#define WCV_HI 0x014u
#define W_IIDR 0xfccu /* in both frames: who made it */

#define WCS_EN  (1u << 0)
#define WCS_WS0 (1u << 1)
#define WCS_WS1 (1u << 2)

#define NS_PER_S 1000000000u

enum { PARAM_BASE, PARAM_IRQ, PARAM_HZ, PARAM_ROWS };
enum { COUNT_REFRESHES, COUNT_WARNINGS, COUNT_ROWS };

struct gwdt {
	const struct volt_host *h;
	const struct volt_loop *loop;
	uint64_t hz;
	uint32_t line, timer;
	uint64_t start_ns; /* when the count was 0 */
	uint64_t count_ns; /* since then, in a saved state */
	uint64_t compare;  /* WCV, in ticks */
	uint32_t offset;   /* WOR, in ticks */
	uint32_t status;   /* WCS */
};

/* ------------------------------------------------------------------ time */

/* No product of guest numbers can overflow: __int128 holds 64 by 30 bits. */
static uint64_t ticks_of(const struct gwdt *g, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * g->hz / NS_PER_S);
}

static uint64_t ns_of(const struct gwdt *g, uint64_t ticks)
{
	unsigned __int128 ns = ((unsigned __int128)ticks * NS_PER_S + g->hz - 1) / g->hz;

	return ns > UINT64_MAX / 2 ? UINT64_MAX / 2 : (uint64_t)ns;
}

static uint64_t count_now(const struct gwdt *g)
{
	return ticks_of(g, g->loop->now(g->h) - g->start_ns);
}

static void arm(struct gwdt *g)
{
	bool waits = (g->status & WCS_EN) != 0 && (g->status & WCS_WS1) == 0;
	uint64_t now = g->loop->now(g->h), passed = now - g->start_ns;
	/* "Greater than": the stage comes one tick after the compare value. */
	uint64_t due = ns_of(g, g->compare + 1);

	/* From now on: what was due before a restore may be so before this clock's start. */
	g->loop->arm(g->h, g->timer, waits ? now + (due > passed ? due - passed : 1) : 0);
}

/* ------------------------------------------------------------------ device */

static void refresh(struct gwdt *g)
{
	g->status &= ~(WCS_WS0 | WCS_WS1);
	g->compare = count_now(g) + g->offset;
	g->h->set_irq(g->h, g->line, false);
	arm(g);
}

static void gwdt_fire(void *self)
{
	struct gwdt *g = self;

	if ((g->status & WCS_EN) == 0 || count_now(g) <= g->compare)
		return; /* refreshed while this was under way */
	if ((g->status & WCS_WS0) == 0) {
		g->status |= WCS_WS0;
		g->compare = count_now(g) + g->offset;
		volt_count(g->h, COUNT_WARNINGS, 1);
		g->h->set_irq(g->h, g->line, true);
	} else {
		g->status |= WCS_WS1;
		g->h->request(g->h, VOLT_REQUEST_RESET, 0, "its watchdog ran out");
	}
	arm(g);
}

static uint64_t refresh_read(void *self, uint64_t off, uint32_t n)
{
	return 0; /* WRR reads as zero, and so does an identification of nobody */
}

static void refresh_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct gwdt *g = self;

	if (off != WRR)
		return;
	volt_count(g->h, COUNT_REFRESHES, 1);
	refresh(g);
}

static uint64_t control_read(void *self, uint64_t off, uint32_t n)
{
	const struct gwdt *g = self;

	switch (off) {
	case WCS:
		return g->status;
	case WOR:
		return g->offset;
	case WCV_LO:
		return (uint32_t)g->compare;
	case WCV_HI:
		return g->compare >> 32;
	default:
		return 0;
	}
}

/* Writes of WCS and WOR refresh too; one of WCV sets the next stage alone. */
static void control_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct gwdt *g = self;

	switch (off) {
	case WCS:
		g->status = (g->status & ~WCS_EN) | ((uint32_t)val & WCS_EN);
		refresh(g);
		break;
	case WOR:
		g->offset = (uint32_t)val;
		refresh(g);
		break;
	case WCV_LO:
		g->compare = (g->compare & ~(uint64_t)UINT32_MAX) | (uint32_t)val;
		arm(g);
		break;
	case WCV_HI:
		g->compare = (g->compare & UINT32_MAX) | val << 32;
		arm(g);
		break;
	}
}

static void gwdt_reset(void *self)
{
	struct gwdt *g = self;

	g->start_ns = g->loop->now(g->h);
	g->status = g->offset = 0;
	g->compare = 0;
	g->h->set_irq(g->h, g->line, false);
	arm(g);
}

/* ------------------------------------------------------------------- state */

static void gwdt_pause(void *self)
{
	struct gwdt *g = self;

	g->count_ns = g->loop->now(g->h) - g->start_ns;
}

/* The count goes on from where it was; another host's clock may be younger than it, and
 * differences come out right all the same. */
static void gwdt_resume(void *self)
{
	struct gwdt *g = self;

	g->start_ns = g->loop->now(g->h) - g->count_ns;
	g->h->set_irq(g->h, g->line, (g->status & WCS_WS0) != 0);
	arm(g);
}

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct gwdt, count_ns, VOLT_F_U64, 1), .max = INT64_MAX},
    {VOLT_FIELD(struct gwdt, compare, VOLT_F_U64, 1)},
    {VOLT_FIELD(struct gwdt, offset, VOLT_F_U32, 1)},
    {VOLT_FIELD(struct gwdt, status, VOLT_F_U32, 1), .max = WCS_EN | WCS_WS0 | WCS_WS1},
};

static const struct volt_state state = {
    .size = sizeof(state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .pause = gwdt_pause,
    .resume = gwdt_resume,
};

static const void *gwdt_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) == 0 ? &state : NULL;
}

/* ------------------------------------------------------------------ wiring */

static int add_frames(const struct volt_host *h, uint64_t base)
{
	struct volt_range r = {
	    .size = sizeof(r),
	    .space = VOLT_SPACE_MMIO,
	    .sizes = VOLT_IO_4,
	    .flags = VOLT_RANGE_SPLIT,
	    .base = base,
	    .len = FRAME,
	    .name = "refresh",
	    .read = refresh_read,
	    .write = refresh_write,
	};
	int err = h->add_range(h, &r);

	r.base = base + FRAME;
	r.name = "control";
	r.read = control_read;
	r.write = control_write;
	return err ? err : h->add_range(h, &r);
}

/* ACPI tells the guest where it is; ids that begin with VOLT are examples. */
static int describe(const struct volt_host *h, uint64_t base, uint64_t irq)
{
	const struct volt_describe *d = h->get_ext(h, VOLT_EXT_DESCRIBE);
	const struct volt_acpi_device device = {
	    .size = sizeof(device),
	    .resource_count = 2,
	    .hid = "VOLT0006",
	    .resources =
		{
		    {.type = VOLT_RES_MMIO, .base = base, .len = 2 * FRAME},
		    {.type = VOLT_RES_IRQ, .flags = VOLT_IRQ_LEVEL, .base = irq},
		},
	};

	return d ? d->device(h, &device) : 0;
}

static int gwdt_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct gwdt *g = self;
	uint64_t base = volt_arg(a, PARAM_BASE)->u, irq = volt_arg(a, PARAM_IRQ)->u;

	g->h = h;
	g->hz = volt_arg(a, PARAM_HZ)->u;
	if (base % FRAME != 0)
		return volt_fail(h, EINVAL, "base=0x%llx is not a multiple of 0x%x",
		    (unsigned long long)base, FRAME);
	g->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!g->loop)
		return volt_fail(h, ENOSYS, "the host has no %s", VOLT_EXT_LOOP);
	int err = add_frames(h, base);
	if (err)
		return volt_fail(
		    h, -err, "cannot take its registers at 0x%llx", (unsigned long long)base);
	err = h->add_irq(h, (uint32_t)irq, VOLT_IRQ_LEVEL, &g->line);
	if (err)
		return volt_fail(h, -err, "cannot take irq=%u", (unsigned)irq);
	err = g->loop->add_timer(h, gwdt_fire, &g->timer);
	if (err)
		return volt_fail(h, -err, "cannot have a timer");
	err = describe(h, base, irq);
	return err ? volt_fail(h, -err, "cannot be described to the guest") : 0;
}

static const struct volt_param params[PARAM_ROWS] = {
    [PARAM_BASE] =
	{
	    .name = "base",
	    .type = VOLT_PARAM_UINT,
	    .def = "0xd0100000",
	    .help = "address of the refresh frame; the control frame follows",
	    .min = 0xc0000000,
	    .max = 0xfebfe000,
	},
    [PARAM_IRQ] =
	{
	    .name = "irq",
	    .type = VOLT_PARAM_UINT,
	    .def = "11",
	    .help = "interrupt line of WS0",
	    .max = 23,
	},
    [PARAM_HZ] =
	{
	    .name = "hz",
	    .type = VOLT_PARAM_UINT,
	    .def = "1000000",
	    .help = "ticks per second",
	    .min = 1,
	    .max = NS_PER_S,
	},
};

static const struct volt_counter counters[COUNT_ROWS] = {
    [COUNT_REFRESHES] = {"refreshes", "writes of the refresh register"},
    [COUNT_WARNINGS] = {"warnings", "interrupts for a refresh that did not come"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "gwdt",
    .version = "1.0",
    .summary = "Arm BSA generic watchdog",
    .instance_size = sizeof(struct gwdt),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = gwdt_init,
    .reset = gwdt_reset,
    .get_ext = gwdt_get_ext,
};
