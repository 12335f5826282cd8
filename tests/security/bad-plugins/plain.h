/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A plugin with nothing wrong, to which each file here adds one thing.
 */
#ifndef BAD_PLUGINS_PLAIN_H
#define BAD_PLUGINS_PLAIN_H

#include <volt/plugin.h>

#ifndef KIND
#define KIND VOLT_KIND_DEVICE
#endif

__attribute__((unused)) static int plain_init(
    void *self, const struct volt_host *h, const struct volt_args *a)
{
	volt_log(h, VOLT_LOG_INFO, "instance at %p", self);
	return 0;
}

#define PLAIN_DESCRIPTOR \
	{ \
		VOLT_PLUGIN_HEADER(KIND), .name = "plain", .version = "1", .summary = "a test", \
					  .instance_size = 1, .init = plain_init, \
	}

#endif
