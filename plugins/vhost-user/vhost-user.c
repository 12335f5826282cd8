/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vhost-user - a virtio device whose work another process does: virtiofsd, qemu-storage-daemon,
 * SPDK.
 *
 * Source: virtio 1.2, and the vhost-user protocol (vhost.h). The device is of any kind: what it is,
 * the operator and the back end say.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "vhost.h"

#define RING      256u
#define ID_MAX    63u
#define ID_FS     26u
#define TAG_MAX   36u /* virtio 5.11.4 */
#define FS_CONFIG (TAG_MAX + 4u)

/* The size of the configuration space of a kind of device, by the structs of virtio 1.2, section
 * 5; a block device's with all that 5.2.4 has. Of others config-size tells. */
static uint32_t usual_config_size(uint64_t id)
{
	static const uint16_t sizes[ID_MAX + 1] = {[1] = 24,
	    [2] = 60,
	    [3] = 12,
	    [8] = 36,
	    [16] = 16,
	    [18] = 136,
	    [19] = 8,
	    [25] = 12,
	    [ID_FS] = FS_CONFIG,
	    [41] = 8};

	return id <= ID_MAX ? sizes[id] : 0;
}

/* ------------------------------------------------------------------ callbacks */

/* Once for each driver that finds it so. */
static void tell_loss(struct vhost *s)
{
	if (s->alive || __atomic_exchange_n(&s->told, true, __ATOMIC_ACQ_REL))
		return;
	volt_log(s->v.h, VOLT_LOG_ERROR,
	    "the back end at %s is lost: %s; the guest is told that device %u needs a reset",
	    s->socket, s->why, s->type.id);
	volt_virtio_need_reset(&s->v);
}

static bool is_any_open(const struct vhost *s)
{
	for (uint32_t i = 0; i < s->type.queues; i++)
		if (volt_virtio_is_open(&s->v, i))
			return true;
	return false;
}

static void vhost_begin_run(void *self)
{
	struct vhost *s = self;

	s->limit_ns = s->loop->now(s->v.h) + VHOST_RUN_NS;
	vhost_signal(s);
	vhost_listen(s);
	vhost_send_config(s);
	vhost_start_rings(s);
	vhost_signal(s);
	if (is_any_open(s))
		tell_loss(s);
}

static void vhost_drain(void *self, struct volt_queue *q)
{
	vhost_stop_ring(self, q);
}

static void vhost_live(void *self, uint64_t features)
{
	__atomic_store_n(&((struct vhost *)self)->told, false, __ATOMIC_RELEASE);
}

/* What the driver wrote is gone, and so is what the back end has not got of it. */
static void vhost_reset(void *self)
{
	struct vhost *s = self;

	memcpy(s->config, s->first_config, sizeof(s->config));
	__atomic_store_n(&s->writes_in, s->writes_out, __ATOMIC_RELEASE);
}

/* The bytes are the driver's to read back; the back end gets them soon. */
static void vhost_config_written(void *self, uint32_t off, uint32_t n, uint32_t val)
{
	struct vhost *s = self;
	const uint32_t in = s->writes_in;

	if (s->tag[0] || in - __atomic_load_n(&s->writes_out, __ATOMIC_ACQUIRE) == WRITES_MAX) {
		volt_count(s->v.h, COUNT_CONFIG_LOST, 1);
		return;
	}
	memcpy(s->config + off, &val, n);
	s->writes[in % WRITES_MAX] = (struct vhost_write){off, n, val};
	__atomic_store_n(&s->writes_in, in + 1, __ATOMIC_RELEASE);
	volt_virtio_post(&s->v, 0);
}

/* --------------------------------------------------------------------- wiring */

/* The core's socket does not block. This one does, for a time: what is sent is answered. */
static int set_up_socket(struct vhost *s)
{
	const struct timeval limit = {
	    .tv_sec = VHOST_ANSWER_MS / 1000, .tv_usec = VHOST_ANSWER_MS % 1000 * 1000};
	const int flags = fcntl(s->fd, F_GETFL);

	if (flags < 0 || fcntl(s->fd, F_SETFL, flags & ~O_NONBLOCK) != 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
		return volt_fail(s->v.h, errno, "the socket cannot be set up: %s", strerror(errno));
	return 0;
}

static int find_services(struct vhost *s)
{
	const struct volt_host *h = s->v.h;

	s->loop = h->get_ext(h, VOLT_EXT_LOOP);
	return s->loop ? 0 : volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP);
}

/* virtio 5.11.4: a tag, padded with zeroes, and the number of request queues; the first queue is
 * for requests of high priority. */
static int set_tag(struct vhost *s, const struct volt_args *a)
{
	const char *tag = volt_arg(a, PARAM_TAG)->s;

	if (!*tag)
		return 0;
	if (s->type.id != ID_FS)
		return volt_fail(
		    s->v.h, EINVAL, "tag: only a file system, device=%u, has one", ID_FS);
	if (s->type.queues < 2)
		return volt_fail(s->v.h, EINVAL, "a file system has at least queues=2");
	snprintf(s->tag, sizeof(s->tag), "%s", tag);
	memcpy(s->first_config, s->tag, TAG_MAX);
	volt_put_le32(s->first_config + TAG_MAX, s->type.queues - 1u);
	return 0;
}

static void make_type(struct vhost *s, const struct volt_args *a)
{
	const struct volt_value *size = volt_arg(a, PARAM_CONFIG_SIZE);
	const uint32_t id = (uint32_t)volt_arg(a, PARAM_DEVICE)->u;
	const uint32_t bytes = size->u ? (uint32_t)size->u : usual_config_size(id);

	s->type = (struct volt_virtio_type){
	    .size = sizeof(s->type),
	    .id = id,
	    .flags = VOLT_VIRTIO_OUTSIDE,
	    .name = "vhost-user",
	    .queues = (uint16_t)volt_arg(a, PARAM_QUEUES)->u,
	    .ring = RING,
	    .segments = 1,
	    .workers = 1,
	    .config_size = bytes,
	    .config = bytes ? s->config : NULL,
	    .live = vhost_live,
	    .reset = vhost_reset,
	    .drain = vhost_drain,
	    .begin_run = vhost_begin_run,
	    .config_written = vhost_config_written,
	};
}

static int watch(struct vhost *s)
{
	const struct volt_host *h = s->v.h;
	int err = s->v.work->watch(h, s->v.workers[0], s->fd, VOLT_WATCH_READ);

	if (err)
		return volt_fail(h, -err, "cannot watch the back end");
	err = s->v.work->add_event(h, s->v.workers[0]);
	return err ? volt_fail(h, -err, "cannot have an event for the back end") : 0;
}

static int vhost_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct vhost *s = self;
	int err;

	s->v.h = h;
	s->fd = volt_arg(a, PARAM_SOCKET)->fd;
	snprintf(s->socket, sizeof(s->socket), "%s", volt_arg(a, PARAM_SOCKET)->s);
	make_type(s, a);
	err = set_tag(s, a);
	if (err)
		return err;
	err = find_services(s);
	if (err)
		return err;
	err = set_up_socket(s);
	if (err)
		return err;
	err = volt_virtio_init(s, s->q, &s->type, h, a);
	return err ? err : watch(s);
}

/* Under the seal, before the guest runs: the first byte of the back end is read here. */
static int vhost_start(void *self)
{
	struct vhost *s = self;

	s->alive = true;
	s->limit_ns = s->loop->now(s->v.h) + VHOST_RUN_NS;
	if (vhost_negotiate(s))
		return 0;
	return volt_fail(s->v.h, EPROTO, "cannot use the back end at %s: %s", s->socket, s->why);
}

/* ---------------------------------------------------------------------- state */

static const char *vhost_obstacle(const void *self)
{
	return "a part of the device's state is in another process, its vhost-user back end";
}

static int vhost_validate(const void *candidate)
{
	const struct vhost *s = candidate;

	return volt_virtio_validate(&s->v, s->q);
}

static const struct volt_field vhost_fields[] = {VOLT_VIRTIO_FIELDS(struct vhost)};

static const struct volt_state vhost_state_table = {
    .size = sizeof(vhost_state_table),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(vhost_fields),
    .pause = volt_virtio_pause,
    .resume = volt_virtio_resume,
    .validate = vhost_validate,
    .obstacle = vhost_obstacle,
};

static const void *vhost_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &vhost_state_table;
}

/* --------------------------------------------------------------------- tables */

static const struct volt_param params[] = {
    [PARAM_SOCKET] =
	{
	    .name = "socket",
	    .type = VOLT_PARAM_SOCKET,
	    .help = "the back end: unix: and the path of its socket, or fd: and a number",
	},
    [PARAM_DEVICE] =
	{
	    .name = "device",
	    .type = VOLT_PARAM_UINT,
	    .min = 1,
	    .max = ID_MAX,
	    .help = "the kind of device, by its number in virtio: 2 a disk, 26 a file system",
	},
    [PARAM_QUEUES] =
	{
	    .name = "queues",
	    .type = VOLT_PARAM_UINT,
	    .def = "1",
	    .min = 1,
	    .max = VOLT_VIRTIO_QUEUES,
	    .help = "how many queues the device has; a file system has at least 2",
	},
    [PARAM_TAG] =
	{
	    .name = "tag",
	    .type = VOLT_PARAM_STRING,
	    .def = "",
	    .max = TAG_MAX,
	    .help = "the name by which the guest mounts a file system",
	},
    [PARAM_CONFIG_SIZE] =
	{
	    .name = "config-size",
	    .type = VOLT_PARAM_UINT,
	    .def = "0",
	    .max = CONFIG_MAX,
	    .help = "bytes of the configuration space; 0: as many as the kind of device has in "
		    "virtio 1.2",
	},
    VOLT_VIRTIO_PARAMS(),
};

#define BOTH_ROLES (VOLT_ROLE_BIT(VOLT_ROLE_LOOP) | VOLT_ROLE_BIT(VOLT_ROLE_WORKER))
#define ON_SOCKET \
	{ \
		.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_SOCKET \
	}

static const struct volt_need needs[] = {
    {
	.syscall = "sendmsg",
	.reason = "asks the back end, and gives it memory and events",
	.roles = BOTH_ROLES,
	.test_count = 2,
	.tests = {ON_SOCKET, {.arg = 2, .op = VOLT_TEST_EQ, .value = MSG_NOSIGNAL}},
    },
    {
	.syscall = "recvfrom",
	.reason = "reads the back end's answer",
	.roles = BOTH_ROLES,
	.test_count = 2,
	.tests = {ON_SOCKET, {.arg = 3, .op = VOLT_TEST_EQ, .value = MSG_WAITALL}},
    },
    {
	.syscall = "recvfrom",
	.reason = "looks whether the back end is still there",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 2,
	.tests = {ON_SOCKET, {.arg = 3, .op = VOLT_TEST_EQ, .value = MSG_PEEK | MSG_DONTWAIT}},
    },
    {
	.syscall = "shutdown",
	.reason = "ends the connection with a back end that is lost",
	.roles = BOTH_ROLES,
	.test_count = 2,
	.tests = {ON_SOCKET, {.arg = 1, .op = VOLT_TEST_EQ, .value = SHUT_RDWR}},
    },
};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_LOST] = {"lost", "back ends that ended, lied or did not answer"},
    [COUNT_CALLS] = {"calls", "interrupts for buffers that the back end gave back"},
    [COUNT_MESSAGES] = {"messages", "messages that the back end was sent"},
    [COUNT_CONFIG_LOST] = {"config_lost",
	"writes of the driver to the configuration space that the back end did not get"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "vhost-user",
    .version = "0.1.0",
    .summary = "gives the guest a device that another process serves",
    .flags = VOLT_FLAG_GUEST_MEMORY | VOLT_FLAG_SHARED_MEMORY,
    .instance_size = sizeof(struct vhost),
    VOLT_PARAMS(params),
    VOLT_NEEDS(needs),
    VOLT_COUNTERS(counters),
    .init = vhost_init,
    .reset = volt_virtio_reset,
    .start = vhost_start,
    .get_ext = vhost_get_ext,
};
