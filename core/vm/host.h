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
/* The caller of a [wire] call. Why its one before was refused is over: fail() is to say only
 * what the newest was refused for. */
struct instance *host_wirer(const struct volt_host *h);

/* The instance's own worker, or NULL. */
struct worker *host_worker(struct instance *i, uint32_t worker);

#endif
