/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host_caller - which instance calls, for the tables of services.
 */
#ifndef CORE_HOST_CALLER_H
#define CORE_HOST_CALLER_H

#include <stdbool.h>
#include <stdint.h>

struct instance;
struct volt_host;
struct worker;

/* Returns the caller of a [wire] call and clears the reason for which its last such call was
 * refused, so that fail() reports only the newest. */
struct instance *host_calling_instance(const struct volt_host *h);

/* The instance's own worker, or NULL. */
struct worker *host_worker(struct instance *i, uint32_t worker);

/* Is it the descriptor of one of the instance's parameters? */
bool host_is_parameter(const struct instance *i, int fd);

#endif
