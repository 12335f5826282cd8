/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * sandbox - holds the process to the core's policy with what Linux offers an
 * unprivileged program: no_new_privs, capabilities, limits, Landlock and seccomp.
 * What each layer does, and in which order, is in volt-sandbox(7).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "calls.h"
#include "layers.h"

enum stage { FRESH, EARLY, PREPARED, ENTERED };

struct sandbox {
	const struct volt_host *h;
	enum stage stage;
	const struct volt_policy *policy; /* the core's, until fini */
	struct filter *filters;           /* one per thread; empty if it shares another's */
	uint32_t *filter_of;              /* thread -> index of its filter */
	struct filter_calls calls;
	uint32_t landlock_abi;
	char capabilities[64];
};

static const struct volt_thread *thread_at(const struct volt_policy *p, uint32_t i)
{
	return (const struct volt_thread *)(const void *)((const char *)p->threads +
							  (size_t)i * p->thread_stride);
}

/* A step out of order would leave a hole that nothing later shows. */
static int expect_stage(const struct sandbox *s, enum stage stage, const char *step)
{
	if (s->stage == stage)
		return 0;
	return layer_fail(s->h, EINVAL, "%s came out of order: a mistake in the core", step);
}

static int sandbox_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct sandbox *s = self;

	s->h = h;
	return 0;
}

static void release_filters(struct sandbox *s)
{
	if (s->filters)
		for (uint32_t i = 0; i < s->policy->thread_count; i++)
			filter_finish(&s->filters[i]);
	free(s->filters);
	free(s->filter_of);
	s->filters = NULL;
	s->filter_of = NULL;
}

static void sandbox_fini(void *self)
{
	release_filters(self);
}

static int sandbox_enter_early(void *self, uint32_t flags)
{
	struct sandbox *s = self;
	int err = expect_stage(s, FRESH, "enter_early");

	if (err)
		return err;
	err = privileges_drop(s->h, s->capabilities, sizeof(s->capabilities));
	if (err)
		return err;
	err = privileges_hide(s->h);
	if (err)
		return err;
	if (!(flags & VOLT_POLICY_NO_SECCOMP))
		err = early_enter(s->h, flags);
	if (err)
		return err;
	refuse_new_code(s->h);
	s->stage = EARLY;
	return 0;
}

/* The first thread with the same rules, which may be `i` itself. */
static uint32_t first_alike(const struct volt_policy *p, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (filter_same_rules(thread_at(p, j), thread_at(p, i)))
			return j;
	return i;
}

static int compile_all(struct sandbox *s)
{
	const struct volt_policy *p = s->policy;
	bool log_only = p->flags & VOLT_POLICY_LOG;
	int err = filter_check_kernel(s->h, log_only);

	if (err)
		return err;
	s->filters = calloc(p->thread_count, sizeof(*s->filters));
	s->filter_of = calloc(p->thread_count, sizeof(*s->filter_of));
	if (!s->filters || !s->filter_of)
		return layer_fail(s->h, ENOMEM, "no memory for %u filters", p->thread_count);
	for (uint32_t i = 0; i < p->thread_count; i++) {
		s->filter_of[i] = first_alike(p, i);
		if (s->filter_of[i] == i)
			err = filter_compile(
			    s->h, thread_at(p, i), log_only, &s->filters[i], &s->calls);
		if (err)
			return err;
	}
	return 0;
}

static int sandbox_prepare(void *self, const struct volt_policy *policy)
{
	struct sandbox *s = self;
	int err = expect_stage(s, EARLY, "prepare");

	if (err)
		return err;
	if (policy->thread_count == 0)
		return layer_fail(s->h, EINVAL, "the policy has no thread: a mistake in the core");
	s->policy = policy;
	if (!(policy->flags & VOLT_POLICY_NO_SECCOMP))
		err = compile_all(s);
	if (err)
		release_filters(s);
	else
		s->stage = PREPARED;
	return err;
}

/*
 * What threads made later must still be able to do bounds what may be limited here.
 * FSIZE stays: a serial port that writes to a file may write without end. NPROC waits
 * until every thread exists, see sandbox_enter_thread(). MEMLOCK and MSGQUEUE are for
 * calls that no thread will have.
 */
static int lower_limits(const struct sandbox *s)
{
	int err =
	    limit_lower(s->h, RLIMIT_NOFILE, "RLIMIT_NOFILE", (uint64_t)s->policy->max_fd + 1);

	if (err)
		return err;
	err = limit_lower(s->h, RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", 0);
	if (err)
		return err;
	return limit_lower(s->h, RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE", 0);
}

static int sandbox_enter_process(void *self)
{
	struct sandbox *s = self;
	int err = expect_stage(s, PREPARED, "enter_process");

	if (err)
		return err;
	/* Landlock first: it needs a file descriptor, which the limits may not leave. */
	if (!(s->policy->flags & VOLT_POLICY_NO_LANDLOCK))
		err = landlock_enter(s->h, &s->landlock_abi);
	if (err)
		return err;
	err = privileges_hide(s->h);
	if (err)
		return err;
	err = lower_limits(s);
	if (err)
		return err;
	s->stage = ENTERED;
	return 0;
}

/*
 * The loop thread comes last, so no thread is made after it: NPROC 0 then holds for a
 * user other than root even without seccomp. KVM makes its thread kvm-nx-lpage-re in
 * the first KVM_RUN of a VM and counts it to the user: that run must have been.
 */
static int sandbox_enter_thread(void *self, uint32_t thread)
{
	struct sandbox *s = self;
	const struct volt_thread *t;
	int err = expect_stage(s, ENTERED, "enter_thread");

	if (err)
		return err;
	if (thread >= s->policy->thread_count)
		return layer_fail(s->h, EINVAL, "the policy has no thread %u", thread);
	t = thread_at(s->policy, thread);
	if (t->role == VOLT_ROLE_LOOP)
		err = limit_lower(s->h, RLIMIT_NPROC, "RLIMIT_NPROC", 0);
	if (err || (s->policy->flags & VOLT_POLICY_NO_SECCOMP))
		return err;
	return filter_enter(s->h, &s->filters[s->filter_of[thread]], t->name);
}

static uint32_t count_calls(const struct filter_calls *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < FILTER_CALLS / 64; i++)
		for (uint64_t left = c->bits[i]; left != 0; left &= left - 1)
			n++;
	return n;
}

static uint32_t count_instructions(const struct sandbox *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; s->filters && i < s->policy->thread_count; i++)
		n += s->filters[s->filter_of[i]].count;
	return n;
}

static void sandbox_report(void *self, struct volt_sandbox_report *r)
{
	const struct sandbox *s = self;

	if (VOLT_HAS(r, syscalls))
		r->syscalls = count_calls(&s->calls);
	if (VOLT_HAS(r, instructions))
		r->instructions = count_instructions(s);
	if (VOLT_HAS(r, landlock_abi))
		r->landlock_abi = s->landlock_abi;
	if (VOLT_HAS(r, capabilities))
		memcpy(r->capabilities, s->capabilities, sizeof(r->capabilities));
}

static const char *sandbox_call_name(void *self, int number)
{
	return call_name(number);
}

static const struct volt_sandbox sandbox_table = {
    .size = sizeof(struct volt_sandbox),
    .enter_early = sandbox_enter_early,
    .prepare = sandbox_prepare,
    .enter_process = sandbox_enter_process,
    .enter_thread = sandbox_enter_thread,
    .report = sandbox_report,
    .call_name = sandbox_call_name,
};

static const void *sandbox_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_SANDBOX) == 0 ? &sandbox_table : NULL;
}

VOLT_PLUGIN(VOLT_KIND_SANDBOX) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_SANDBOX),
    .name = "sandbox",
    .version = "0.1",
    .summary = "seccomp, Landlock, no capabilities, limits",
    .flags = VOLT_FLAG_IN_PROCESS_ONLY,
    .instance_size = sizeof(struct sandbox),
    .init = sandbox_init,
    .fini = sandbox_fini,
    .get_ext = sandbox_get_ext,
};
