/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/host_rings.h"

#include <errno.h>

#include "core/base/log.h"
#include "core/vm/host_caller.h"
#include "core/vm/vm.h"

/* NULL: not the instance's. */
static struct ring *own_ring(const struct volt_host *h, uint32_t ring)
{
	const struct instance *i = h->core;
	struct machine *m = i->machine;

	return ring < m->ring_count && m->rings[ring].owner == &i->callee ? &m->rings[ring] : NULL;
}

static bool are_own(struct instance *i, const struct volt_uring_ring *want)
{
	if (!host_worker(i, want->worker))
		return false;
	for (uint32_t n = 0; n < want->fd_count && n < RING_FILE_MAX; n++)
		if (!host_is_parameter(i, want->fds[n]))
			return false;
	return true;
}

/* Said here, as the plugin goes on without and cannot know why. */
static int do_without(const struct instance *i, const char *why)
{
	log_warn("%s: no io_uring, so requests are made one at a time: %s", i->callee.id, why);
	return -EOPNOTSUPP;
}

static int make(const struct volt_host *h, const struct volt_uring_ring *want, uint32_t *ring)
{
	struct instance *i = host_calling_instance(h);
	struct machine *m = i->machine;
	const char *why = NULL;

	if (m->sealed)
		return -EPERM;
	if (!want || want->size < sizeof(*want) || !want->fds || !are_own(i, want))
		return -EINVAL;
	if (m->ring_count == RING_MAX)
		return -ENOSPC;
	if (!m->rings_asked)
		return do_without(i, "no plugin has the parameter " VOLT_URING_WORD);
	const int err = ring_init(&m->rings[m->ring_count], &i->callee, want, &why);

	if (err)
		return err == -EOPNOTSUPP ? do_without(i, why) : err;
	*ring = m->ring_count++;
	return 0;
}

static uint32_t submit(const struct volt_host *h, uint32_t ring,
    const struct volt_uring_request *requests, uint32_t stride, uint32_t n, uint32_t wait)
{
	struct ring *r = own_ring(h, ring);

	return r ? ring_submit(r, requests, stride, n, wait) : 0;
}

static uint32_t reap(const struct volt_host *h, uint32_t ring, struct volt_uring_result *results,
    uint32_t stride, uint32_t n)
{
	struct ring *r = own_ring(h, ring);

	return r ? ring_reap(r, results, stride, n) : 0;
}

const struct volt_uring host_rings = {
    .size = sizeof(host_rings),
    .make = make,
    .submit = submit,
    .reap = reap,
};
