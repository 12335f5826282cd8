/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * session - what the front end and the back end agree on, and the life of a ring.
 */
#include <errno.h>
#include <string.h>

#include "vhost.h"

#define PROTOCOL_KNOWN (PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG)

/* What passes from the back end to the driver: features of a device (virtio 2.2: bits 0 to 23, and
 * 50 up), and those of split rings that need nothing of volt. */
#define FEATURES_KNOWN \
	(UINT64_C(0xffffff) | ~UINT64_C(0) << 50 | VOLT_VIRTIO_F_INDIRECT | \
	    VOLT_VIRTIO_F_EVENT_IDX | VOLT_VIRTIO_F_VERSION_1)

/* ------------------------------------------------------------- negotiation */

static bool agree_on_protocol(struct vhost *s)
{
	struct vhost_message m;
	uint64_t offered;

	if (!(s->features & F_PROTOCOL_FEATURES))
		return true;
	if (!vhost_get(s, GET_PROTOCOL_FEATURES, &offered))
		return false;
	m.body.u64 = offered & PROTOCOL_KNOWN;
	/* The acknowledgement that is agreed on here is for the messages after this one. */
	if (!vhost_set(s, &m, SET_PROTOCOL_FEATURES, sizeof(m.body.u64), NULL, 0))
		return false;
	s->protocol = offered & PROTOCOL_KNOWN;
	return true;
}

static bool count_queues(struct vhost *s)
{
	uint64_t most;

	if (!(s->protocol & PROTOCOL_MQ))
		return true;
	if (!vhost_get(s, GET_QUEUE_NUM, &most))
		return false;
	if (most < s->type.queues)
		return vhost_lose(s, "it has %u queues, and queues=%u asks for more",
		    (unsigned)most, s->type.queues);
	return true;
}

static bool read_config(struct vhost *s)
{
	const uint32_t n = s->type.config_size;
	struct vhost_message m = {.body.config = {.size = n}};

	if (n == 0 || s->tag[0])
		return true;
	if (!(s->protocol & PROTOCOL_CONFIG))
		return vhost_lose(s, "it does not tell its configuration space");
	if (!vhost_ask(s, &m, GET_CONFIG, CONFIG_HEAD + n))
		return false;
	if (m.size == 0)
		return vhost_lose(
		    s, "it has no configuration space of %u bytes: set config-size", n);
	if (m.body.config.offset != 0 || m.body.config.size != n)
		return vhost_lose(s, "it tells another part of its configuration space");
	memcpy(s->first_config, m.body.config.bytes, n);
	memcpy(s->config, s->first_config, n);
	return true;
}

bool vhost_negotiate(struct vhost *s)
{
	struct vhost_message m;

	if (!vhost_get(s, GET_FEATURES, &s->features))
		return false;
	if (!(s->features & VOLT_VIRTIO_F_VERSION_1))
		return vhost_lose(s, "it has no device of virtio 1");
	if (!agree_on_protocol(s) || !vhost_set(s, &m, SET_OWNER, 0, NULL, 0))
		return false;
	if (!count_queues(s) || !read_config(s))
		return false;
	volt_virtio_offer(&s->v, s->features & FEATURES_KNOWN);
	return true;
}

/* ------------------------------------------------------------------- memory */

static bool give_memory(struct vhost *s)
{
	struct volt_mem_region r[REGIONS_MAX];
	struct vhost_message m = {.body.memory = {.count = 0}};
	int fds[REGIONS_MAX];
	const int n = s->v.mem->regions(s->v.h, r, REGIONS_MAX);

	if (s->has_memory)
		return true;
	if (n < 0)
		return vhost_lose(s, "the guest's memory cannot be shared: %s", strerror(-n));
	m.body.memory.count = (uint32_t)n;
	for (int i = 0; i < n; i++) {
		m.body.memory.regions[i] = (struct vhost_region){
		    .gpa = r[i].gpa, .size = r[i].len, .user = r[i].gpa, .offset = r[i].offset};
		fds[i] = r[i].fd;
	}
	const size_t size =
	    offsetof(struct vhost_memory, regions) + (size_t)n * sizeof(m.body.memory.regions[0]);

	s->has_memory = vhost_set(s, &m, SET_MEM_TABLE, (uint32_t)size, fds, (unsigned)n);
	return s->has_memory;
}

static bool set_features(struct vhost *s)
{
	struct vhost_message m;

	m.body.u64 = volt_virtio_agreed(&s->v) | (s->features & F_PROTOCOL_FEATURES);
	return vhost_set(s, &m, SET_FEATURES, sizeof(m.body.u64), NULL, 0);
}

/* -------------------------------------------------------------------- rings */

static bool set_state(struct vhost *s, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_message m;

	m.body.state = (struct vhost_state){index, num};
	return vhost_set(s, &m, request, sizeof(m.body.state), NULL, 0);
}

static bool set_addresses(struct vhost *s, const struct volt_queue *q)
{
	struct vhost_message m;

	m.body.address = (struct vhost_address){
	    .index = q->number, .desc = q->desc, .used = q->device, .avail = q->driver};
	return vhost_set(s, &m, SET_VRING_ADDR, sizeof(m.body.address), NULL, 0);
}

static bool set_event(struct vhost *s, uint32_t request, uint32_t index, int fd)
{
	struct vhost_message m;

	if (fd < 0)
		return vhost_lose(s, "there is no event for queue %u: %s", index, strerror(-fd));
	m.body.u64 = index;
	return vhost_set(s, &m, request, sizeof(m.body.u64), &fd, 1);
}

/* A ring of a back end that knows protocol features is disabled until it is told otherwise; and a
 * back end begins at the first kick. */
static bool start_ring(struct vhost *s, struct volt_queue *q)
{
	const struct volt_virtio *v = &s->v;
	const uint32_t n = q->number;

	if (!set_state(s, SET_VRING_NUM, n, q->size) || !set_state(s, SET_VRING_BASE, n, q->seen) ||
	    !set_addresses(s, q) ||
	    !set_event(s, SET_VRING_CALL, n, v->work->event_fd(v->h, v->workers[0])) ||
	    !set_event(s, SET_VRING_KICK, n, volt_virtio_kick_fd(v, n)))
		return false;
	if (s->features & F_PROTOCOL_FEATURES && !set_state(s, SET_VRING_ENABLE, n, 1))
		return false;
	s->started[n] = true;
	volt_virtio_kick(v, n);
	return true;
}

void vhost_start_rings(struct vhost *s)
{
	bool any = false;

	for (uint32_t i = 0; i < s->type.queues; i++)
		any |= s->started[i];
	for (uint32_t i = 0; s->alive && i < s->type.queues; i++) {
		if (s->started[i] || !volt_virtio_is_open(&s->v, i))
			continue;
		if (!any && (!set_features(s) || !give_memory(s)))
			return;
		any = true;
		if (!start_ring(s, &s->q[i]))
			return;
	}
}

/* When the answer has come, the back end looks at the ring no more. */
void vhost_stop_ring(struct vhost *s, struct volt_queue *q)
{
	struct vhost_message m;

	if (!s->started[q->number])
		return;
	m.body.state = (struct vhost_state){.index = q->number};
	if (!vhost_ask(s, &m, GET_VRING_BASE, sizeof(m.body.state)))
		return;
	if (m.size == 0 || m.body.state.index != q->number || m.body.state.num > UINT16_MAX) {
		vhost_lose(s, "it does not tell where it stopped queue %u", q->number);
		return;
	}
	s->started[q->number] = false;
	q->seen = (uint16_t)m.body.state.num;
}

void vhost_signal(struct vhost *s)
{
	for (uint32_t i = 0; i < s->type.queues; i++) {
		if (!s->started[i] || !volt_virtio_is_open(&s->v, i))
			continue;
		const uint16_t used = volt_virtio_used(&s->v, i);

		if (used == s->q[i].used)
			continue;
		s->q[i].used = s->q[i].signalled = used;
		volt_count(s->v.h, COUNT_CALLS, 1);
		volt_virtio_signal(&s->v, i);
	}
}

/* ----------------------------------------------------------- configuration */

void vhost_send_config(struct vhost *s)
{
	while (s->alive && s->writes_out != __atomic_load_n(&s->writes_in, __ATOMIC_ACQUIRE)) {
		const struct vhost_write w = s->writes[s->writes_out % WRITES_MAX];
		struct vhost_message m = {.body.config = {.offset = w.offset, .size = w.size}};

		memcpy(m.body.config.bytes, &w.value, w.size);
		__atomic_store_n(&s->writes_out, s->writes_out + 1, __ATOMIC_RELEASE);
		vhost_set(s, &m, SET_CONFIG, CONFIG_HEAD + w.size, NULL, 0);
	}
}
