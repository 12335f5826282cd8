/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * layers - what the sandbox is made of, one file per layer.
 *
 * Every function that can fail returns 0 or what layer_fail() returned.
 */
#ifndef SANDBOX_LAYERS_H
#define SANDBOX_LAYERS_H

#include <linux/filter.h>

#include <volt/plugin.h>
#include <volt/sandbox.h>

/* As volt_fail(), which every file that uses it has a copy of. */
VOLT_PRINTF(3, 4)
int layer_fail(const struct volt_host *h, int err, const char *fmt, ...);

/* ------------------------------------------------- privileges: privileges.c */

/* No new privileges and no capability in any set that can be emptied. `how` says
 * in words which those were. */
int privileges_drop(const struct volt_host *h, char *how, size_t how_size);
/* No core files, no ptrace by others of the same user, no /proc/PID/mem. */
int privileges_hide(const struct volt_host *h);
/* Lowers soft and hard limit of `resource` to at most `max`. */
int limit_lower(const struct volt_host *h, int resource, const char *name, uint64_t max);
/* No mapping becomes executable that was not made so. Absent before Linux 6.3. */
void refuse_new_code(const struct volt_host *h);

/* ------------------------------------------------------ Landlock: landlock.c */

/* struct landlock_ruleset_attr as of ABI 6; older kernels take it with the members
 * that they do not know at 0. */
struct landlock_rights {
	uint64_t fs, net, scoped;
};

/* Every right that ABI version `abi` can take away. */
struct landlock_rights landlock_rights_of(int abi);
/* The same for an ABI newer than this file: asks the kernel bit by bit. */
struct landlock_rights landlock_rights_probe(void);
/* Takes every right away from this thread and its children. *abi gets the version. */
int landlock_enter(const struct volt_host *h, uint32_t *abi);

/* --------------------------------------------------------- seccomp: filter.c */

struct filter {
	struct sock_filter *code; /* NULL: none made */
	uint32_t count;
};

#define FILTER_RULES 512 /* of one thread, at most */

/* What all filters allow between them; bit n is system call n. */
#define FILTER_CALLS 1024
struct filter_calls {
	uint64_t bits[FILTER_CALLS / 64];
};

/* Says if the kernel can do what the filters will ask for. */
int filter_check_kernel(const struct volt_host *h, bool log_only);
/* Compiles the rules of one thread. */
int filter_compile(const struct volt_host *h, const struct volt_thread *t, bool log_only,
    struct filter *out, struct filter_calls *calls);
/* Puts the calling thread under a seccomp program: 0, or -1 with errno. */
int filter_install(const struct sock_fprog *program);
/* Puts the calling thread under the filter `f`, for good. One system call. */
int filter_enter(const struct volt_host *h, const struct filter *f, const char *thread);
/* The early filter: early.c; `flags` are VOLT_POLICY_*. early_make() returns how long it is. */
#define EARLY_ROOM 250
uint32_t early_make(struct sock_filter code[static EARLY_ROOM], uint32_t flags);
int early_enter(const struct volt_host *h, uint32_t flags);
/* True if both threads' rules make the same filter. */
bool filter_same_rules(const struct volt_thread *a, const struct volt_thread *b);
void filter_finish(struct filter *f);

static inline const struct volt_rule *rule_at(const struct volt_thread *t, uint32_t i)
{
	return (const struct volt_rule *)(const void *)((const char *)t->rules +
							(size_t)i * t->rule_stride);
}

#endif
