/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host_manage - the services for those who give commands, and for those who report events.
 */
#ifndef CORE_HOST_MANAGE_H
#define CORE_HOST_MANAGE_H

#include <volt/manage.h>

extern const struct volt_manage host_manage;
extern const struct volt_event host_event;

#endif
