/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host - the tables of services that an instance is given.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <stdint.h>

struct instance;
struct worker;
struct volt_host;

/* Fills i->host. */
void host_init(struct instance *i);
/* Returns the caller of a [wire] call and clears the reason for which its last such call was
 * refused, so that fail() reports only the newest. */
struct instance *host_calling_instance(const struct volt_host *h);

/* The instance's own worker, or NULL. */
struct worker *host_worker(struct instance *i, uint32_t worker);

#endif
