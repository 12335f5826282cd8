/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * front - the front end, as the rest of the machine sees it: a bus that the device is put on, and
 * a guest's memory that it brings.
 */
#ifndef DEVICE_FRONT_H
#define DEVICE_FRONT_H

#include <volt/plugin.h>

#include "core/event/loop.h"
#include "core/vm/hosting.h"
#include "tools/device/session.h"

/* The front end broke the protocol. Others are volt's own: core/base/exitcode.h. */
#define EXIT_FRONT_END 107

struct front;
struct machine;

/* One queue whose kicks come to the loop, as no worker serves it. */
struct loop_kick {
	struct front *front;
	uint32_t n;
	const struct loop_watch *watch;
};

struct front {
	struct hosting hosting;
	struct machine *m;
	struct session session;
	struct channel channel;
	struct regions regions;
	struct volt_backend_device device; /* size 0: none has been added */
	const struct volt_host *device_host;
	/* The core's own, of which a hosted plugin gets some. */
	const void *(*get_ext)(const struct volt_host *h, const char *id);
	struct loop_kick kicks[QUEUES_MAX];
	bool readable; /* the channel may have more */
};

/* A bus for the one device. Its instance's state is a struct front. */
extern const struct volt_plugin front_plugin;

/* [wire] After the device is wired: its workers wait for kicks, the loop for messages. 0 or -errno,
 * which is logged. `socket` is the front end's, connected. */
int front_open(struct front *f, int socket);

#endif
