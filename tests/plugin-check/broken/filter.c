/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A filter that passes everything on, but for FAULT in its access, or what else is defined. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <volt/filter.h>
#include <volt/loop.h>

#define SOUND
#define WIDER   copy.n = 8
#define FARTHER copy.offset += copy.n
#define UNSIZED copy.size = 0
#define KEEPS   f->kept = below = f->kept ? f->kept : below
#define LATER   f->kept = below, f->loop->arm(f->h, f->timer, f->loop->now(f->h) + 1)
#define OUTSIDE f->last[copy.offset & 63] = 1
#define TICKS   copy.value ^= __builtin_ia32_rdtsc() >> 4 & 1
#define CALLS   (void)getppid()
#define COUNTS  f->h->counters[0] -= 2
#define SHARED  copy.value ^= rand() & 1
#define WIRES   f->loop->add_timer(f->h, fire, &f->timer)

#ifndef FAULT
#define FAULT SOUND
#endif
#ifndef ATTACH
#define ATTACH 0
#endif
#ifndef ACCESS
#define ACCESS pass_on
#endif
#ifndef TABLE
#define TABLE &table
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(struct volt_filter)
#endif

struct filter {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_layer *kept;
	uint32_t timer;
	uint8_t last[16];
};

static void fire(void *self)
{
	struct filter *f = self;
	const struct volt_access a = {.size = sizeof(a), .n = 1};

	if (f->kept)
		f->kept->pass(f->kept, &a);
}

static int attach(void *self, const struct volt_layer *below)
{
	const struct volt_host *h = ((struct filter *)self)->h;

	return ATTACH;
}

static uint64_t pass_on(void *self, const struct volt_layer *below, const struct volt_access *a)
{
	struct filter *f = self;
	struct volt_access copy = *a;

	volt_count(f->h, 0, 1);
	FAULT;
	return below->pass(below, &copy);
}

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct filter *f = self;

	f->h = h;
	f->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!f->loop)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP);
	int err = f->loop->add_timer(h, fire, &f->timer);

	return err ? volt_fail(h, -err, "no timer") : 0;
}

static const struct volt_filter table = {.size = TABLE_SIZE, .attach = attach, .access = ACCESS};

static const void *get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_FILTER) == 0 ? TABLE : NULL;
}

static const struct volt_counter counters[] = {{"accesses", "accesses that were seen"}};

VOLT_PLUGIN(VOLT_KIND_FILTER) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER),
    .name = NAME,
    .version = "1",
    .summary = "a filter for a test",
    .instance_size = sizeof(struct filter),
    .counters = counters,
    .counter_stride = sizeof(counters[0]),
    .counter_count = 1,
    .init = init,
    .get_ext = get_ext,
};
