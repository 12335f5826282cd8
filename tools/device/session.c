/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/device/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/open_files.h"

#define PROTOCOL_OFFERED \
	(PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_BACKEND_REQ | PROTOCOL_CONFIG | \
	    PROTOCOL_RESET_DEVICE | PROTOCOL_CONFIGURE_MEM_SLOTS | PROTOCOL_STATUS)

#define REFUSALS_LOGGED 8u

#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u
#define STATUS_MAX         0xffu

/* ------------------------------------------------------------ numbers of files */

/* The number stands for `fd` from now on. */
static int put_file(enum session_slot kind, uint32_t n, int fd)
{
	return dup3(fd, session_slot(kind, n), O_CLOEXEC) < 0 ? -errno : 0;
}

static int put_nothing(const struct session *s, enum session_slot kind, uint32_t n)
{
	return put_file(kind, n, s->nothing_fd);
}

int session_open(struct session *s, int nothing_fd)
{
	s->nothing_fd = nothing_fd;
	for (int fd = SLOT_FIRST; fd < SLOT_FIRST + (int)SLOT_COUNT; fd++) {
		const int copy = fcntl(nothing_fd, F_DUPFD_CLOEXEC, 0);
		const int err = copy < 0 ? -errno : copy == fd ? 0 : open_files_move(copy, fd);

		if (err)
			return err;
	}
	return 0;
}

static void write_one(int fd)
{
	static const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one)); /* EAGAIN: it has been told already */
}

void session_call(const struct session *s, uint32_t n)
{
	if (n < s->device->queues)
		write_one(session_slot(SLOT_CALL, n));
}

void session_changed(const struct session *s, bool broken)
{
	static const struct {
		uint32_t request, flags, size;
	} changed = {BACKEND_CONFIG_CHANGE, FLAG_VERSION, 0};

	for (uint32_t n = 0; broken && n < s->device->queues; n++)
		write_one(session_slot(SLOT_ERR, n));
	if (!broken && __atomic_load_n(&s->has_channel, __ATOMIC_ACQUIRE))
		(void)!send(session_slot(SLOT_CHANNEL, 0), &changed, sizeof(changed),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---------------------------------------------------------------------- rings */

static int watch_kick(const struct session *s, uint32_t n, int op)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data = s->waits[n].data};

	return epoll_ctl(s->waits[n].epoll_fd, op, session_slot(SLOT_KICK, n), &e) ? -errno : 0;
}

/* The front end has it as well, so that closing it would not take it out of the epoll. */
static void drop_kick(const struct session *s, struct vring *r, uint32_t n)
{
	if (!r->has_kick)
		return;
	watch_kick(s, n, EPOLL_CTL_DEL);
	put_nothing(s, SLOT_KICK, n);
	r->has_kick = false;
}

static int translate(const struct session *s, const struct vring *r, struct volt_backend_ring *to)
{
	int err = regions_to_gpa(s->regions, r->desc, &to->desc);

	if (err)
		return err;
	err = regions_to_gpa(s->regions, r->avail, &to->driver);
	return err ? err : regions_to_gpa(s->regions, r->used, &to->device);
}

/* Serves it if it is complete. A ring of a front end that knows no protocol features is enabled. */
static int start_ring(const struct session *s, struct vring *r, uint32_t n)
{
	struct volt_backend_ring at = {
	    .size = sizeof(at), .number = n, .entries = r->num, .base = r->base};
	const bool enabled = r->enabled || !(s->features & F_PROTOCOL_FEATURES);

	if (r->served || !r->addressed || !r->has_kick || r->num == 0 || !enabled)
		return 0;
	int err = translate(s, r, &at);

	if (err)
		return err;
	err = s->device->start(s->self, &at);
	r->served = !err;
	return err;
}

/* Kicks that came before met a ring that was not served. */
static int start_and_look(const struct session *s, struct vring *r, uint32_t n)
{
	const bool was = r->served;
	const int err = start_ring(s, r, n);

	if (err)
		return err;
	if (!was && r->served)
		s->device->kick(s->self, n);
	return 0;
}

static void stop_ring(const struct session *s, struct vring *r, uint32_t n)
{
	if (!r->served)
		return;
	r->base = r->stop_at = (uint16_t)s->device->stop(s->self, n);
	r->stopped = true;
	r->served = false;
}

static bool is_any_served(const struct session *s)
{
	for (uint32_t n = 0; n < s->device->queues; n++)
		if (s->rings[n].served)
			return true;
	return false;
}

/* Features stay agreed on: many front ends tell them once, before they reset the device. */
static void forget_driver(struct session *s)
{
	s->device->reset(s->self);
	s->device->agree(s->self, s->features & ~F_PROTOCOL_FEATURES);
	for (uint32_t n = 0; n < s->device->queues; n++)
		s->rings[n].stopped = false;
}

static void reset_device(struct session *s)
{
	for (uint32_t n = 0; n < s->device->queues; n++) {
		stop_ring(s, &s->rings[n], n);
		drop_kick(s, &s->rings[n], n);
		s->rings[n] = (struct vring){0};
	}
	forget_driver(s);
	s->status = 0;
}

/* Memory changes: rings that were served are served again, where the driver put them. */
static int change_memory(struct session *s, int (*change)(struct session *s, void *arg), void *arg)
{
	bool served[QUEUES_MAX] = {false};
	int err;

	for (uint32_t n = 0; n < s->device->queues; n++) {
		served[n] = s->rings[n].served;
		stop_ring(s, &s->rings[n], n);
	}
	err = change(s, arg);
	for (uint32_t n = 0; n < s->device->queues; n++) {
		if (!served[n])
			continue;
		const int failed = start_and_look(s, &s->rings[n], n);

		if (failed)
			err = failed;
	}
	return err;
}

/* ------------------------------------------------------------------- handlers */

/* 0; or -errno: the front end asks for what cannot be. Answers replace c->m.body. */
typedef int handler(struct session *s, struct channel *c);

static int get_features(struct session *s, struct channel *c)
{
	c->m.body.u64 = s->device->features | F_PROTOCOL_FEATURES;
	return 0;
}

static int set_features(struct session *s, struct channel *c)
{
	const uint64_t features = c->m.body.u64;

	if (features == s->features && is_any_served(s))
		return 0;
	const int err = s->device->agree(s->self, features & ~F_PROTOCOL_FEATURES);

	if (!err)
		s->features = features;
	return err;
}

static int get_protocol(struct session *s, struct channel *c)
{
	c->m.body.u64 = PROTOCOL_OFFERED;
	return 0;
}

static int set_protocol(struct session *s, struct channel *c)
{
	if (c->m.body.u64 & ~PROTOCOL_OFFERED)
		return -EINVAL;
	s->protocol = c->m.body.u64;
	return 0;
}

static int do_nothing(struct session *s, struct channel *c)
{
	return 0;
}

static int get_queue_num(struct session *s, struct channel *c)
{
	c->m.body.u64 = s->device->queues;
	return 0;
}

static int get_slots(struct session *s, struct channel *c)
{
	c->m.body.u64 = REGIONS_MAX;
	return 0;
}

static int replace_table(struct session *s, void *arg)
{
	struct channel *c = arg;

	regions_clear(s->regions);
	for (uint32_t i = 0; i < c->m.body.table.count; i++) {
		const struct region_at part = c->m.body.table.regions[i];
		const int err = regions_add(s->regions, &part, c->fds[i], &c->why);

		if (err)
			return err;
	}
	c->why = NULL;
	return 0;
}

static int set_mem_table(struct session *s, struct channel *c)
{
	const uint32_t count = c->m.body.table.count;

	if (count > TABLE_MAX || c->fd_count != count ||
	    c->m.size != offsetof(struct region_table, regions) + count * sizeof(struct region_at))
		return -EPROTO;
	return change_memory(s, replace_table, c);
}

static int add_region(struct session *s, struct channel *c)
{
	const struct region_at part = c->m.body.one.region;
	const int err = regions_add(s->regions, &part, c->fds[0], &c->why);

	if (!err)
		c->why = NULL;
	return err;
}

static int remove_one(struct session *s, void *arg)
{
	return regions_remove(s->regions, arg);
}

static int remove_region(struct session *s, struct channel *c)
{
	struct region_at part = c->m.body.one.region;

	return change_memory(s, remove_one, &part);
}

/* A ring that is not being served: what was set is what is served. NULL: there is none. */
static struct vring *ring_to_set_up(struct session *s, uint32_t index)
{
	struct vring *r = index < s->device->queues ? &s->rings[index] : NULL;

	return r && !r->served ? r : NULL;
}

static int set_num(struct session *s, struct channel *c)
{
	struct vring *r = ring_to_set_up(s, c->m.body.state.index);
	const uint32_t num = c->m.body.state.num;

	if (!r || num == 0 || num > s->device->ring || num & (num - 1))
		return -EINVAL;
	r->num = num;
	return 0;
}

static int set_addresses(struct session *s, struct channel *c)
{
	const struct ring_address a = c->m.body.address;
	struct vring *r = ring_to_set_up(s, a.index);

	if (!r || a.flags) /* the only one is for a log, which is not offered */
		return -EINVAL;
	r->desc = a.desc;
	r->avail = a.avail;
	r->used = a.used;
	r->addressed = true;
	return start_and_look(s, r, a.index);
}

/* A front end that does not tell of a reset is found out: its driver begins elsewhere than where
 * the device stopped. */
static int set_base(struct session *s, struct channel *c)
{
	struct vring *r = ring_to_set_up(s, c->m.body.state.index);
	const uint32_t base = c->m.body.state.num;

	if (!r || base > UINT16_MAX)
		return -EINVAL;
	if (r->stopped && r->stop_at != base && !is_any_served(s))
		forget_driver(s);
	r->base = (uint16_t)base;
	return 0;
}

static int get_base(struct session *s, struct channel *c)
{
	const uint32_t n = c->m.body.state.index;

	if (n >= s->device->queues)
		return -EINVAL;
	struct vring *r = &s->rings[n];

	stop_ring(s, r, n);
	drop_kick(s, r, n);
	c->m.body.state = (struct ring_state){n, r->base};
	return 0;
}

/* The queue of a message with a file, or without; -EINVAL. */
static int queue_of(const struct session *s, const struct channel *c)
{
	const uint64_t n = c->m.body.u64;
	const unsigned files = n & RING_NO_FILE ? 0 : 1;

	if (n & ~(uint64_t)(RING_INDEX | RING_NO_FILE) || c->fd_count != files ||
	    (n & RING_INDEX) >= s->device->queues)
		return -EINVAL;
	return (int)(n & RING_INDEX);
}

/* One that blocks would let a front end hold up the thread that writes it. */
static int put_event(const struct session *s, enum session_slot kind, const struct channel *c)
{
	const int n = queue_of(s, c);

	if (n < 0)
		return n;
	if (c->fd_count == 0)
		return put_nothing(s, kind, (uint32_t)n);
	if (fcntl(c->fds[0], F_SETFL, O_NONBLOCK) != 0)
		return -errno;
	return put_file(kind, (uint32_t)n, c->fds[0]);
}

/* An interrupt for what was done before there was somebody to tell. */
static int set_call(struct session *s, struct channel *c)
{
	const uint32_t n = (uint32_t)(c->m.body.u64 & RING_INDEX);
	const int err = put_event(s, SLOT_CALL, c);

	if (err)
		return err;
	if (s->rings[n].served)
		session_call(s, n);
	return 0;
}

static int set_err(struct session *s, struct channel *c)
{
	return put_event(s, SLOT_ERR, c);
}

/* The first kick may wait in it already, and is found only by a ring that is served. */
static int take_kick(const struct session *s, struct vring *r, uint32_t n)
{
	const int err = start_ring(s, r, n);

	return err ? err : watch_kick(s, n, EPOLL_CTL_ADD);
}

/* Without a file the ring would have to be polled. */
static int set_kick(struct session *s, struct channel *c)
{
	const int n = queue_of(s, c);

	if (n < 0 || c->fd_count == 0)
		return -EINVAL;
	struct vring *r = &s->rings[n];

	drop_kick(s, r, (uint32_t)n);
	int err = put_file(SLOT_KICK, (uint32_t)n, c->fds[0]);

	if (err)
		return err;
	r->has_kick = true;
	err = take_kick(s, r, (uint32_t)n);
	if (err) {
		stop_ring(s, r, (uint32_t)n);
		drop_kick(s, r, (uint32_t)n);
	}
	return err;
}

static int set_enable(struct session *s, struct channel *c)
{
	const uint32_t n = c->m.body.state.index, enabled = c->m.body.state.num;

	if (n >= s->device->queues || enabled > 1)
		return -EINVAL;
	struct vring *r = &s->rings[n];

	r->enabled = enabled;
	if (!r->enabled) {
		stop_ring(s, r, n);
		return 0;
	}
	return start_and_look(s, r, n);
}

static int set_channel(struct session *s, struct channel *c)
{
	const int err = put_file(SLOT_CHANNEL, 0, c->fds[0]);

	if (!err)
		__atomic_store_n(&s->has_channel, true, __ATOMIC_RELEASE);
	return err;
}

/* The answer is as long as was asked for; none, if it refuses. */
static int get_config(struct session *s, struct channel *c)
{
	const uint32_t offset = c->m.body.config.offset, size = c->m.body.config.size;

	if (c->m.size < CONFIG_HEAD || size != c->m.size - CONFIG_HEAD || offset > CONFIG_MAX ||
	    size > CONFIG_MAX - offset)
		return -EINVAL;
	s->device->config_read(s->self, offset, c->m.body.config.bytes, size);
	return 0;
}

static int set_config(struct session *s, struct channel *c)
{
	const uint32_t offset = c->m.body.config.offset, size = c->m.body.config.size;

	if (c->m.size < CONFIG_HEAD || size != c->m.size - CONFIG_HEAD)
		return -EPROTO;
	return s->device->config_write(s->self, offset, c->m.body.config.bytes, size);
}

static int reset(struct session *s, struct channel *c)
{
	reset_device(s);
	return 0;
}

static int set_status(struct session *s, struct channel *c)
{
	if (c->m.body.u64 > STATUS_MAX)
		return -EINVAL;
	if (c->m.body.u64 == 0)
		reset_device(s);
	s->status = c->m.body.u64;
	return 0;
}

static int get_status(struct session *s, struct channel *c)
{
	c->m.body.u64 = s->status | (s->device->is_broken(s->self) ? STATUS_NEEDS_RESET : 0);
	if (!s->features)
		c->m.body.u64 &= ~(uint64_t)STATUS_FEATURES_OK;
	return 0;
}

/* ---------------------------------------------------------------------- table */

#define ANY UINT16_MAX /* the handler looks */

static const struct row {
	uint16_t request;
	uint16_t size;  /* bytes of payload */
	uint8_t files;  /* that come with it, exactly; or */
	uint8_t more;   /* so many more */
	uint8_t answer; /* bytes of the answer; 0: it has none of its own; ALL: as many as it has */
	handler *handle;
} rows[] = {
#define ALL 255
    {GET_FEATURES, 0, 0, 0, 8, get_features},
    {SET_FEATURES, 8, 0, 0, 0, set_features},
    {SET_OWNER, 0, 0, 0, 0, do_nothing},
    {RESET_OWNER, 0, 0, 0, 0, do_nothing}, /* "deprecated": nobody agrees on what it does */
    {SET_MEM_TABLE, ANY, 0, TABLE_MAX, 0, set_mem_table},
    {SET_VRING_NUM, 8, 0, 0, 0, set_num},
    {SET_VRING_ADDR, sizeof(struct ring_address), 0, 0, 0, set_addresses},
    {SET_VRING_BASE, 8, 0, 0, 0, set_base},
    {GET_VRING_BASE, 8, 0, 0, 8, get_base},
    {SET_VRING_KICK, 8, 0, 1, 0, set_kick},
    {SET_VRING_CALL, 8, 0, 1, 0, set_call},
    {SET_VRING_ERR, 8, 0, 1, 0, set_err},
    {GET_PROTOCOL_FEATURES, 0, 0, 0, 8, get_protocol},
    {SET_PROTOCOL_FEATURES, 8, 0, 0, 0, set_protocol},
    {GET_QUEUE_NUM, 0, 0, 0, 8, get_queue_num},
    {SET_VRING_ENABLE, 8, 0, 0, 0, set_enable},
    {SET_BACKEND_REQ_FD, 0, 1, 0, 0, set_channel},
    {GET_CONFIG, ANY, 0, 0, ALL, get_config},
    {SET_CONFIG, ANY, 0, 0, 0, set_config},
    {RESET_DEVICE, 0, 0, 0, 0, reset},
    {GET_MAX_MEM_SLOTS, 0, 0, 0, 8, get_slots},
    {ADD_MEM_REG, sizeof(struct one_region), 1, 0, 0, add_region},
    {REM_MEM_REG, sizeof(struct one_region), 0, 1, 0, remove_region},
    {SET_STATUS, 8, 0, 0, 0, set_status},
    {GET_STATUS, 0, 0, 0, 8, get_status},
};

static const struct row *find_row(const struct channel *c)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].request == c->m.request)
			return &rows[i];
	return NULL;
}

/* Whatever has the wrong size, or files that it may not have, is not that message. */
static bool is_sound(const struct row *row, const struct channel *c)
{
	return (row->size == ANY || c->m.size == row->size) && c->fd_count >= row->files &&
	       c->fd_count <= (unsigned)row->files + row->more;
}

/* For whoever wonders why a guest has no device; a hostile front end gets a few lines. */
static void log_refusal(struct session *s, const struct channel *c, int err)
{
	if (s->refusals++ < REFUSALS_LOGGED)
		log_warn("message %u of the front end is refused: %s", c->m.request,
		    c->why ? c->why : strerror(-err));
}

/* A refusal is an answer where there is one; else the front end would take it for granted. */
static void finish(struct session *s, struct channel *c, const struct row *row, int err, bool asks)
{
	if (row->answer && !(err && row->answer != ALL)) {
		c->m.size = err ? 0 : row->answer == ALL ? c->m.size : row->answer;
		channel_answer(c);
	} else if (!row->answer && asks) {
		c->m.body.u64 = err ? 1 : 0;
		c->m.size = sizeof(c->m.body.u64);
		channel_answer(c);
	} else if (err) {
		channel_break(c, c->why ? c->why : "a message asks for what this device cannot do");
	}
}

void session_handle(struct session *s, struct channel *c)
{
	const struct row *row = find_row(c);
	/* What this message agrees on is for those after it. */
	const bool asks = s->protocol & PROTOCOL_REPLY_ACK && c->m.flags & FLAG_NEED_REPLY;

	if (!row) {
		channel_break(c, "a message is not one that this back end offers");
		return;
	}
	if (!is_sound(row, c)) {
		channel_break(c, "a message has the wrong size or number of files");
		return;
	}
	const int err = row->handle(s, c);

	if (err == -EPROTO) {
		channel_break(c, "a message is malformed");
		return;
	}
	if (err)
		log_refusal(s, c, err);
	finish(s, c, row, err, asks);
	if (!c->gone)
		c->why = NULL;
}
