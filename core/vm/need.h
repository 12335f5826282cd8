/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * need - a row of a plugin's table of system calls: may it have that, and what is it as
 * a rule? Shared by the policy and `volt-plugin check`.
 */
#ifndef CORE_NEED_H
#define CORE_NEED_H

#include <stdint.h>

#include <volt/sandbox.h>

/* 0, or -errno, which is logged: malformed, or what no plugin may have. `id` is who asks. */
int need_check(const struct volt_need *need, const char *id);
#define NEED_DROPPED 1 /* it is about an optional file that was left out */

/* How many rules a row makes: one for each descriptor of the parameter that it names. */
uint32_t need_count(
    const struct volt_need *need, const struct volt_plugin *p, const struct volt_value *values);
/* The row as rule number n, with the fds of parameters put in; `values` are those of `p`. 0,
 * NEED_DROPPED, or -errno, which is logged. */
int need_to_rule(const struct volt_need *need, const char *id, const struct volt_plugin *p,
    const struct volt_value *values, uint32_t n, struct volt_rule *rule);

#endif
