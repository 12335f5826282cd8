/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * bootmark - a port by which a guest marks a moment: the log tells when it was.
 *
 * Times count from start(), the moment before the guest's first instruction, and go on
 * through a reset. The command line tells the guest where the port is: "volt.mark=0xf6".
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <volt/describe.h>
#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/state.h>

enum { COUNT_MARKS };

struct bootmark {
	const struct volt_host *h;
	const struct volt_loop *loop;
	uint64_t started_ns;
	uint64_t elapsed_ns; /* since then, while paused */
	uint8_t newest;
};

static uint64_t bootmark_read(void *self, uint64_t off, uint32_t n)
{
	return ((const struct bootmark *)self)->newest;
}

static void bootmark_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct bootmark *b = self;
	const uint64_t us = (b->loop->now(b->h) - b->started_ns) / 1000;
	const uint8_t mark = (uint8_t)val;
	char shown[8] = "";

	b->newest = mark;
	volt_count(b->h, COUNT_MARKS, 1);
	if (mark > ' ' && mark < 0x7f)
		snprintf(shown, sizeof(shown), " ('%c')", mark);
	volt_log(b->h, VOLT_LOG_INFO, "boot mark 0x%02x%s after %" PRIu64 ".%03u ms", mark, shown,
	    us / 1000, (unsigned)(us % 1000));
}

static void bootmark_reset(void *self)
{
	((struct bootmark *)self)->newest = 0;
}

static int bootmark_start(void *self)
{
	struct bootmark *b = self;

	b->started_ns = b->loop->now(b->h);
	return 0;
}

/* ------------------------------------------------------------------- state */

static void bootmark_pause(void *self)
{
	struct bootmark *b = self;

	b->elapsed_ns = b->loop->now(b->h) - b->started_ns;
}

/* A host that was started after the guest was has a start before its clock's: differences
 * come out right all the same. */
static void bootmark_resume(void *self)
{
	struct bootmark *b = self;

	b->started_ns = b->loop->now(b->h) - b->elapsed_ns;
}

static const void *bootmark_get_ext(const char *id)
{
	static const struct volt_field fields[] = {
	    {VOLT_FIELD(struct bootmark, newest, VOLT_F_U8, 1)},
	    {VOLT_FIELD(struct bootmark, elapsed_ns, VOLT_F_U64, 1), .max = INT64_MAX},
	};
	static const struct volt_state state = {
	    .size = sizeof(state),
	    .version = 1,
	    .oldest = 1,
	    VOLT_FIELDS(fields),
	    .pause = bootmark_pause,
	    .resume = bootmark_resume,
	};

	return strcmp(id, VOLT_EXT_STATE) ? NULL : &state;
}

static int bootmark_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct bootmark *b = self;
	const struct volt_describe *describe = h->get_ext(h, VOLT_EXT_DESCRIBE);
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .base = volt_arg(a, 0)->u,
	    .len = 1,
	    .name = "mark",
	    .read = bootmark_read,
	    .write = bootmark_write,
	};
	char words[32];
	int err;

	b->h = h;
	b->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!b->loop)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP);
	if (!describe)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DESCRIBE);
	err = h->add_range(h, &range);
	if (err)
		return volt_fail(h, -err, "cannot have port 0x%x", (unsigned)range.base);
	snprintf(words, sizeof(words), "volt.mark=0x%x", (unsigned)range.base);
	err = describe->cmdline(h, words);
	return err ? volt_fail(h, -err, "cannot add \"%s\" to the command line", words) : 0;
}

static const struct volt_param params[] = {
    {
	.name = "base",
	.type = VOLT_PARAM_UINT,
	.def = "0xf6",
	.max = 0xffff,
	.help = "its I/O port",
    },
};

static const struct volt_counter counters[] = {
    [COUNT_MARKS] = {"marks", "marks that the guest wrote"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "bootmark",
    .version = "0.1.0",
    .summary = "logs when the guest reached a point of its boot",
    .instance_size = sizeof(struct bootmark),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = bootmark_init,
    .reset = bootmark_reset,
    .start = bootmark_start,
    .get_ext = bootmark_get_ext,
};
