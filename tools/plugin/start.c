/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * start - verdicts, and hosts for cases to begin from.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

uint64_t check_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

_Noreturn static void leave(struct check *c, enum check_state state)
{
	c->shared->result.state = state;
	if (c->in_process)
		longjmp(*c->leave, 1);
	_exit(0);
}

void check_fail(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->shared->result.why, sizeof(c->shared->result.why), fmt, ap);
	va_end(ap);
	leave(c, CHECK_FAILED);
}

void check_skip(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->shared->result.why, sizeof(c->shared->result.why), fmt, ap);
	va_end(ap);
	leave(c, CHECK_SKIPPED);
}

void check_step(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->shared->step, sizeof(c->shared->step), fmt, ap);
	va_end(ap);
	__atomic_store_n(&c->shared->step_since_ns, check_clock_ns(), __ATOMIC_RELEASE);
}

const struct mock *check_mock(const struct check *c, const struct fake_host *f)
{
	for (unsigned i = 0; i < MOCK_MAX; i++)
		if (c->mocks[i].f == f)
			return &c->mocks[i];
	return NULL;
}

/* Where time does not move by itself, a filter that waits would wait for ever. */
#define FILTER_LOOK_NS 1000u

static void put_filter(struct check *c, struct fake_host *f)
{
	unsigned i = 0;

	while (i < MOCK_MAX && c->mocks[i].f)
		i++;
	if (i == MOCK_MAX)
		abort();
	fake_now_step(f, FILTER_LOOK_NS);
	check_step(c, "attach");
	if (mock_put(&c->mocks[i], f) == 0)
		check_fail(c, "attach refuses every lawful range: %s", fake_host_message(f));
}

struct memory *check_memory(struct check *c, const struct fake_host *f)
{
	for (unsigned i = 0; i < MOCK_MAX; i++)
		if (c->memory[i].f == f)
			return &c->memory[i];
	return NULL;
}

static void add_memory(struct check *c, struct fake_host *f)
{
	unsigned i = 0;

	while (i < MOCK_MAX && c->memory[i].f)
		i++;
	if (i == MOCK_MAX)
		abort();
	memory_add(&c->memory[i], f, c->seed);
}

void check_end(struct check *c, struct fake_host *f)
{
	for (unsigned i = 0; i < MOCK_MAX; i++) {
		if (c->mocks[i].f == f)
			c->mocks[i].f = NULL;
		if (c->memory[i].f == f)
			c->memory[i].f = NULL;
	}
	check_step(c, "fini");
	fake_host_destroy(f);
}

struct fake_host *check_wired(struct check *c)
{
	struct fake_host *f = fake_host_create(c->plugin);

	check_step(c, "init");
	int err = fake_host_wire(f, c->base);

	if (err)
		check_fail(c, "init with \"%s\" gives %d: %s", c->base, err, fake_host_message(f));
	if (c->plugin->flags & VOLT_FLAG_GUEST_MEMORY)
		add_memory(c, f);
	if (c->plugin->kind == VOLT_KIND_FILTER)
		put_filter(c, f);
	return f;
}

struct fake_host *check_running(struct check *c)
{
	struct fake_host *f = check_wired(c);

	check_step(c, "reset and start");
	int err = fake_host_run(f);

	if (err)
		check_fail(c, "start gives %d (%s)", err,
		    *fake_host_message(f) ? fake_host_message(f) : strerror(-err));
	return f;
}
