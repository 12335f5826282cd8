/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/plugin/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/log.h"
#include "core/base/sealed.h"
#include "core/config.h"
#include "core/plugin/guard.h"
#include "core/plugin/library.h"
#include "sdk/common/commands.h"
#include "sdk/common/state.h"

#define STATE_MAX   (16u << 20)
#define COUNTER_MAX 1024u /* each name is compared with all before it */
#define LARGE       (16u << 10)

static void ignore_self(void *self)
{
}

static int start_at_once(void *self)
{
	return 0;
}

static const void *offer_nothing(const char *id)
{
	return NULL;
}

static bool is_unique(const struct volt_plugin *d, uint32_t number, const char *name)
{
	const char *row = (const char *)d->counters;

	for (uint32_t i = 0; i < number; i++, row += d->counter_stride)
		if (strcmp(((const struct volt_counter *)(const void *)row)->name, name) == 0)
			return false;
	return true;
}

/* Names become those of metrics, and help a line there. */
static bool valid_counters(const struct volt_plugin *d)
{
	const char *row = (const char *)d->counters;

	for (uint32_t i = 0; i < d->counter_count; i++, row += d->counter_stride) {
		const struct volt_counter *c = (const void *)row;

		if (!params_is_name(c->name, '_', 48) || !c->help || strpbrk(c->help, "\n\\") ||
		    !is_unique(d, i, c->name))
			return false;
	}
	return true;
}

static const char *find_fault(const struct volt_plugin *d)
{
	if (d->size < offsetof(struct volt_plugin, get_ext) + sizeof(d->get_ext))
		return "its size is smaller than ABI 0.1's";
	if (d->abi_major != VOLT_ABI_MAJOR)
		return "its ABI major differs from its note's";
	if (!params_is_name(d->name, '-', 32))
		return "its name is not like [a-z][a-z0-9-]{0,31}";
	if ((d->flags & ~(VOLT_FLAG_IN_PROCESS_ONLY | VOLT_FLAG_GUEST_MEMORY |
			    VOLT_FLAG_WALL_CLOCK | VOLT_FLAG_BUS | VOLT_FLAG_SHARED_MEMORY)) != 0)
		return "its flags hold one that this volt does not know";
	if (d->kind < VOLT_KIND_DEVICE || d->kind > VOLT_KIND_FILTER)
		return "its kind is neither device nor sandbox nor filter";
	if (d->instance_size == 0 || d->instance_size > STATE_MAX)
		return "its instance_size is not within 1 byte and 16 MiB";
	if (!d->init)
		return "it has no init";
	if (d->need_count > 0 && (!d->needs || d->need_stride < sizeof(struct volt_need)))
		return "its table of needs is malformed";
	if (d->counter_count > 0 &&
	    (!d->counters || d->counter_stride < sizeof(struct volt_counter) ||
		d->counter_count > COUNTER_MAX))
		return "its table of counters is malformed";
	if (!valid_counters(d))
		return "a counter is malformed: its name must match [a-z][a-z0-9_]{0,47} and be "
		       "unique, and its help must be one line";
	return NULL;
}

/* The one place where defaults are put in for slots that a plugin left empty. */
static void adopt(struct instance *i, const struct volt_plugin *d)
{
	i->plugin = (struct volt_plugin){0};
	memcpy(&i->plugin, d, d->size < sizeof(i->plugin) ? d->size : sizeof(i->plugin));
	if (!i->plugin.reset)
		i->plugin.reset = ignore_self;
	if (!i->plugin.start)
		i->plugin.start = start_at_once;
	if (!i->plugin.fini)
		i->plugin.fini = ignore_self;
	if (!i->plugin.get_ext)
		i->plugin.get_ext = offer_nothing;
}

static void query_extensions(struct instance *i)
{
	i->attention = i->plugin.get_ext(VOLT_EXT_ATTENTION);
	i->saved = i->plugin.get_ext(VOLT_EXT_STATE);
	i->commands = i->plugin.get_ext(VOLT_EXT_COMMAND);
	if (VOLT_HAS_SNAPSHOT)
		i->identified = i->plugin.get_ext(VOLT_EXT_IDENTITY);
	if (i->plugin.kind == VOLT_KIND_DEVICE)
		i->irqchip = i->plugin.get_ext(VOLT_EXT_IRQCHIP);
	if (i->plugin.kind == VOLT_KIND_SANDBOX)
		i->sandbox = i->plugin.get_ext(VOLT_EXT_SANDBOX);
	if (i->plugin.kind == VOLT_KIND_FILTER)
		i->filter = i->plugin.get_ext(VOLT_EXT_FILTER);
}

const char *instance_option(const struct instance *i)
{
	return i->plugin.kind == VOLT_KIND_FILTER ? "filter" : "plugin";
}

/* A large one is left to the kernel to clear, page by page as it is used: glibc clears what it
 * takes from its heap at once. A sanitizer wants to know of it. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
static void *alloc_large(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void free_large(void *p, size_t size)
{
	munmap(p, size);
}
#else
static void *alloc_large(size_t size)
{
	return calloc(1, size);
}

static void free_large(void *p, size_t size)
{
	free(p);
}
#endif

/* Zeroed: what a device's handlers write, which run on any vCPU's thread. */
static void *alloc_apart(size_t size)
{
	if (size >= LARGE)
		return alloc_large(size);
	const size_t room = (size + CACHELINE_BYTES - 1) & ~(size_t)(CACHELINE_BYTES - 1);
	void *p = aligned_alloc(CACHELINE_BYTES, room);

	return p ? memset(p, 0, size) : NULL;
}

static void free_apart(void *p, size_t size)
{
	if (p && size >= LARGE)
		free_large(p, size);
	else
		free(p);
}

struct instance *instance_create(const struct volt_plugin *d, uint32_t number, const char *origin)
{
	const char *fault = find_fault(d);
	char why[256];

	if (fault) {
		log_error(EINVAL, "plugin %s refused: %s", origin, fault);
		return NULL;
	}
	if (params_check_table(d, why, sizeof(why)) != 0) {
		log_error(EINVAL, "plugin %s refused: %s", origin, why);
		return NULL;
	}
	struct instance *i = sealed_alloc(sizeof(*i));
	struct instance_state *state = alloc_apart(sizeof(*state));
	if (!i || !state) {
		log_error(ENOMEM, "plugin %s: no memory for another instance", origin);
		free(state);
		return NULL;
	}
	i->origin = origin;
	i->linked_in = VOLT_HAS_AUDIT && library_is_linked_in(origin); /* for guard and explain */
	i->callee.number = number;
	i->callee.lock = &state->lock;
	i->state = state;
	lock_init(&state->lock.lock);
	adopt(i, d);
	snprintf(i->callee.id, sizeof(i->callee.id), "%s", i->plugin.name);
	i->callee.self = alloc_apart(i->plugin.instance_size);
	i->host.counters = alloc_apart((i->plugin.counter_count + 1u) * sizeof(uint64_t));
	if (!i->callee.self || !i->host.counters) {
		log_error(ENOMEM, "plugin %s: no memory for another instance", origin);
		instance_destroy(i);
		return NULL;
	}
	return i;
}

int instance_parse(struct instance *i, const char *text, const struct params_opener *opener)
{
	char why[256];
	const int err = params_parse(&i->params, &i->plugin, text, opener, why, sizeof(why));

	if (!err)
		return 0;
	/* The host's limits, not the parameter's: no other value would do. */
	return (err == -ENOSYS || err == -ENOSPC ? log_host_error : log_error)(
	    -err, "--%s %s: %s", instance_option(i), i->plugin.name, why);
}

void instance_enter(const struct instance *i, const char *step)
{
	if (!i->linked_in)
		guard_enter(i->callee.id, step);
}

int instance_leave(const struct instance *i)
{
	return i->linked_in ? 0 : guard_leave();
}

int instance_wire(struct instance *i)
{
	struct volt_args args = {
	    .size = sizeof(args),
	    .value_stride = sizeof(struct volt_value),
	    .value_count = i->plugin.param_count,
	    .values = i->params.values,
	};

	char why[256];

	instance_enter(i, "init");
	query_extensions(i);
	int err = i->plugin.init(i->callee.self, &i->host, &args);
	int fault = instance_leave(i);

	if (fault != 0)
		return fault;
	if (i->commands && commands_check_table(i->commands, why, sizeof(why)) != 0)
		return log_error(EINVAL, "plugin %s refused: %s", i->plugin.name, why);
	if (err < 0 && !i->state->failed)
		log_error(-err, "%s: init failed: %s", i->callee.id,
		    i->state->reason[0] != '\0' ? i->state->reason : strerror(-err));
	if (err > 0)
		return log_error(EINVAL, "%s: init answered %d instead of 0 or a negative errno",
		    i->callee.id, err);
	i->wired = err == 0;
	return err;
}

int instance_check_state(const struct instance *i)
{
	char why[256];

	if (!i->saved ||
	    state_check_table(i->saved, i->plugin.instance_size, why, sizeof(why)) == 0)
		return 0;
	return log_error(EINVAL, "plugin %s refused: %s", i->plugin.name, why);
}

void instance_destroy(struct instance *i)
{
	if (!i)
		return;
	params_finish(&i->params);
	free(i->host.counters);
	free_apart(i->callee.self, i->plugin.instance_size);
	lock_finish(&i->state->lock.lock);
	free(i->state);
}
