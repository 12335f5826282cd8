/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host - the tables of services that an instance is given.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

struct instance;

/* Fills i->host. */
void host_init(struct instance *i);

#endif
