/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_record - what tests ask about the instance as a whole.
 */
#include <string.h>

#include "fake_internal.h"

void *fake_host_self(struct fake_host *f)
{
	return f->self;
}

const struct volt_value *fake_host_values(const struct fake_host *f)
{
	return f->params.values;
}

const struct volt_host *fake_host_table(struct fake_host *f)
{
	return &f->host;
}

const char *fake_host_message(const struct fake_host *f)
{
	return f->message;
}

const char *fake_host_logged(const struct fake_host *f, unsigned *count)
{
	if (count)
		*count = f->log_count;
	return f->logged;
}

unsigned fake_requested(const struct fake_host *f, uint32_t what, uint32_t *code, const char **why)
{
	if (what < VOLT_REQUEST_RESET || what > VOLT_REQUEST_ATTENTION)
		fake_die(f, "the test asks about unknown request %u", what);
	if (code)
		*code = f->requests[what].code;
	if (why)
		*why = f->requests[what].why;
	return f->requests[what].count;
}

void fake_attention(struct fake_host *f)
{
	const struct volt_attention *a =
	    f->plugin->get_ext ? f->plugin->get_ext(VOLT_EXT_ATTENTION) : NULL;

	fake_must_run(f, "fake_attention");
	if (!a || a->size < sizeof(*a) || !a->attention)
		fake_die(f, "offers no " VOLT_EXT_ATTENTION);
	fake_enter(f, "attention");
	a->attention(f->self);
	fake_leave(f);
}

uint64_t fake_counter(const struct fake_host *f, const char *name)
{
	const struct volt_plugin *p = f->plugin;

	for (unsigned i = 0; i < p->counter_count; i++) {
		const void *row = (const char *)p->counters + (size_t)i * p->counter_stride;

		if (strcmp(((const struct volt_counter *)row)->name, name) == 0)
			return __atomic_load_n(&f->counters[i], __ATOMIC_RELAXED);
	}
	fake_die(f, "the test reads unknown counter %s", name);
}
