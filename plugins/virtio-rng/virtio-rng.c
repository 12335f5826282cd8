/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio-rng - a source of randomness for the guest's kernel.
 *
 * Source: virtio 1.2, 5.4. Driver: Linux virtio_rng.
 */
#include <string.h>
#include <unistd.h>

#include <volt/virtio.h>

enum { PARAM_SOURCE };
enum { COUNT_BYTES = VOLT_VIRTIO_COUNT, COUNT_FAILED };

#define ENTROPY_DEVICE 4u
#define REQUEST_MAX    65536u /* of one read: a driver's length is no reason to work for minutes */

struct rng {
	struct volt_virtio v;
	struct volt_queue q[1];
	int fd;
};

/* virtio 5.4.6.2: at least one byte, and no readable buffers. Fewer bytes than asked for are no
 * mistake of either side. */
static bool rng_request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	struct rng *r = self;
	ssize_t got = 0;

	if (c->in) {
		const struct iovec *s = &c->seg[c->out];

		got = read(r->fd, s->iov_base, s->iov_len < REQUEST_MAX ? s->iov_len : REQUEST_MAX);
	}
	if (got > 0)
		volt_count(r->v.h, COUNT_BYTES, (uint64_t)got);
	else
		volt_count(r->v.h, COUNT_FAILED, 1);
	volt_chain_done(q, c, got > 0 ? (uint32_t)got : 0);
	return true;
}

static int rng_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	static const struct volt_virtio_type type = {
	    .size = sizeof(type),
	    .id = ENTROPY_DEVICE,
	    .name = "rng",
	    .queues = 1,
	    .ring = 64,
	    .segments = 16,
	    .workers = 1,
	    .request = rng_request,
	};
	struct rng *r = self;

	r->fd = volt_arg(a, PARAM_SOURCE)->fd;
	return volt_virtio_init(r, r->q, &type, h, a);
}

VOLT_VIRTIO_STATE(struct rng, rng_state);

static const void *rng_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &rng_state;
}

static const struct volt_param params[] = {
    {
	.name = "source",
	.type = VOLT_PARAM_FILE_RO,
	.def = "/dev/urandom",
	.help = "the file that the random bytes are read from",
    },
    VOLT_VIRTIO_PARAMS(),
};

static const struct volt_need needs[] = {
    {
	.syscall = "read",
	.reason = "reads random bytes into the guest's buffers",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 1,
	.tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_SOURCE}},
    },
};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_BYTES] = {"bytes", "random bytes that the guest got"},
    [COUNT_FAILED] = {"failed", "requests that got none"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "virtio-rng",
    .version = "0.1.0",
    .summary = "gives the guest random bytes",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct rng),
    VOLT_PARAMS(params),
    VOLT_NEEDS(needs),
    VOLT_COUNTERS(counters),
    .init = rng_init,
    .reset = volt_virtio_reset,
    .get_ext = rng_get_ext,
};
