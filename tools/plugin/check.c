/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * check - the cases in their order; one whose ground did not hold is not run.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/plugin/library.h"
#include "tool.h"

#define CASE_MAX   32u
#define INPUT_SIZE (1u << 20)

static const struct check_case *find_case(const char *name, unsigned *index)
{
	for (unsigned i = 0; i < check_case_count; i++) {
		if (strcmp(check_cases[i].name, name) != 0)
			continue;
		*index = i;
		return &check_cases[i];
	}
	return NULL;
}

/* Only one: what it stands on is taken for granted. */
static bool choose(const struct tool_options *o, bool chosen[CASE_MAX])
{
	unsigned only;

	for (unsigned i = 0; i < check_case_count; i++)
		chosen[i] = o->only == NULL;
	if (!o->only)
		return true;
	if (find_case(o->only, &only)) {
		chosen[only] = true;
		return true;
	}
	fprintf(stderr, "volt-plugin: --only %s: no test has that name; there are", o->only);
	for (unsigned i = 0; i < check_case_count; i++)
		fprintf(stderr, "%s %s", i ? "," : "", check_cases[i].name);
	fputc('\n', stderr);
	return false;
}

/* The case that failed, or did not run for the same reason, and that `k` stands on. */
static const char *find_obstacle(
    const struct check_case *k, const bool *chosen, const bool *blocked)
{
	for (unsigned i = 0; i < 4 && k->after[i]; i++) {
		unsigned index;

		if (find_case(k->after[i], &index) && chosen[index] && blocked[index])
			return k->after[i];
	}
	return NULL;
}

static void run_cases(struct check *c, struct check_report *r, struct check_result *results)
{
	bool blocked[CASE_MAX] = {false};

	for (unsigned i = 0; i < check_case_count; i++) {
		const struct check_case *k = &check_cases[i];
		const char *obstacle = find_obstacle(k, r->chosen, blocked);

		if (!r->chosen[i])
			continue;
		if (obstacle) {
			results[i].state = CHECK_SKIPPED;
			snprintf(results[i].why, sizeof(results[i].why),
			    "not run: it stands on \"%s\"", obstacle);
		} else {
			check_run_case(c, k, &results[i]);
		}
		blocked[i] = obstacle || results[i].state == CHECK_FAILED;
		report_case(r, i);
	}
}

/* A file of zeroes, which every process of the check can open by its name. */
static int make_input(struct check *c)
{
	c->input_fd = memfd_create("volt-plugin-input", 0);
	if (c->input_fd < 0 || ftruncate(c->input_fd, INPUT_SIZE) != 0)
		return log_error(errno, "cannot create a memfd for the check: %s", strerror(errno));
	snprintf(c->input_path, sizeof(c->input_path), "/proc/self/fd/%d", c->input_fd);
	return 0;
}

static int make_shared(struct check *c)
{
	void *mem = mmap(
	    NULL, sizeof(*c->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return log_error(errno, "no memory for the check: %s", strerror(errno));
	c->shared = mem;
	return 0;
}

static uint64_t pick_seed(void)
{
	uint32_t seed = 1;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint32_t)check_clock_ns();
	return seed;
}

int check_run(const struct tool_options *o)
{
	static struct check_result results[CASE_MAX];
	bool chosen[CASE_MAX] = {false};
	struct check c = {.by_name = !strchr(o->plugin, '/'),
	    .params = o->params ? o->params : "",
	    .seed = o->seeded ? o->seed : pick_seed(),
	    .rounds = (unsigned)o->rounds,
	    .limit_s = (unsigned)o->limit_s,
	    .in_process = o->in_process};
	struct check_report r = {
	    .check = &c, .json = o->json, .results = results, .chosen = chosen};

	_Static_assert(CASE_MAX >= 32, "as many as check_cases may get");
	if (!choose(o, chosen))
		return TOOL_MISUSE;
	const char *rest = library_resolve("plugin", o->plugin, c.path, sizeof(c.path));
	if (!rest)
		return TOOL_MISUSE; /* said */
	if (rest[0] != '\0') {
		log_error(EINVAL, "%s: parameters are given by --params", o->plugin);
		return TOOL_MISUSE;
	}
	if (access(c.path, F_OK) != 0) {
		log_error(ENOENT, "%s: there is no such file", o->plugin);
		return TOOL_MISUSE;
	}
	if (make_input(&c) != 0 || make_shared(&c) != 0)
		return TOOL_MISUSE;
	report_head(&r);
	run_cases(&c, &r, results);
	free(c.base);
	return report_end(&r) ? TOOL_FAILED : TOOL_OK;
}
