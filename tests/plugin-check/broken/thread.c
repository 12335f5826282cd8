/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Makes a thread, which stays. */
#include <pthread.h>
#include <unistd.h>

#define DEV_INIT init
#include "base.h"

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_for_ever, NULL))
		return volt_fail(h, EAGAIN, "no thread");
	return dev_wire(self, h, a);
}
