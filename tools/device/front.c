/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/device/front.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include <volt/describe.h>
#include <volt/draft/doorbell.h>
#include <volt/draft/peers.h>
#include <volt/draft/uring.h>
#include <volt/loop.h>
#include <volt/memory.h>
#include <volt/stream.h>
#include <volt/worker.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/vm/vm.h"

#define MESSAGES_MAX 64u /* in one turn of the loop */

static struct front *front_of(const struct volt_host *h)
{
	const struct instance *i = h->core;

	return i->machine->hosting->self;
}

/* -------------------------------------------------------------- volt.mem/1 */

static int find_memory(const struct volt_host *h, uint64_t gpa, size_t n, void **at)
{
	const struct front *f = front_of(h);

	*at = NULL;
	if (!f->m->sealed)
		return -EAGAIN;
	if (n == 0)
		return 0;
	*at = regions_at(&f->regions, gpa, n);
	return *at ? 0 : -EFAULT;
}

static int mem_read(const struct volt_host *h, uint64_t gpa, void *dst, size_t n)
{
	void *at;
	const int err = find_memory(h, gpa, n, &at);

	if (at)
		memcpy(dst, at, n);
	return err;
}

static int mem_write(const struct volt_host *h, uint64_t gpa, const void *src, size_t n)
{
	void *at;
	const int err = find_memory(h, gpa, n, &at);

	if (at)
		memcpy(at, src, n);
	return err;
}

static void *mem_map(const struct volt_host *h, uint64_t gpa, size_t n, bool writable)
{
	void *at;

	find_memory(h, gpa, n, &at);
	return at;
}

/* Migration is not offered, so no front end asks what has changed. */
static void mem_dirty(const struct volt_host *h, uint64_t gpa, size_t n)
{
}

/* The files are the front end's, and are not passed on. */
static const struct volt_mem mem_table = {
    .size = offsetof(struct volt_mem, regions),
    .read = mem_read,
    .write = mem_write,
    .map = mem_map,
    .dirty = mem_dirty,
};

/* What there is without a guest of our own: no interrupts, no pages, no memory to give back. One
 * that describes itself to a guest gets so far that it can be told why it is not hosted. */
static const void *get_ext(const struct volt_host *h, const char *id)
{
	static const char *const passed[] = {VOLT_EXT_LOOP, VOLT_EXT_STREAM, VOLT_EXT_WORKER,
	    VOLT_EXT_DOORBELL, VOLT_EXT_URING, VOLT_EXT_PEERS, VOLT_EXT_DESCRIBE};
	const struct instance *i = h->core;

	if (strcmp(id, VOLT_EXT_MEM) == 0)
		return i->plugin.flags & VOLT_FLAG_GUEST_MEMORY ? &mem_table : NULL;
	for (size_t k = 0; k < sizeof(passed) / sizeof(passed[0]); k++)
		if (strcmp(id, passed[k]) == 0)
			return front_of(h)->get_ext(h, id);
	return NULL;
}

/* ------------------------------------------------------------ volt.backend/1 */

static int add_device(void *bus, const struct volt_host *h, const struct volt_backend_device *d)
{
	struct front *f = bus;

	if (f->device.size)
		return volt_fail(h, EEXIST, "the front end has a device already");
	if (d->size < sizeof(*d) || d->queues == 0 || d->queues > QUEUES_MAX)
		return volt_fail(h, EINVAL, "the device is malformed");
	f->device = *d;
	f->device_host = h;
	return 0;
}

static void call(void *bus, const struct volt_host *h, uint32_t n)
{
	session_call(&((struct front *)bus)->session, n);
}

static void changed(void *bus, const struct volt_host *h)
{
	const struct front *f = bus;

	session_changed(&f->session, f->device.is_broken(f->session.self));
}

static const struct volt_backend backend_table = {
    .size = sizeof(backend_table), .add = add_device, .call = call, .changed = changed};

static const void *front_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_BACKEND) ? NULL : &backend_table;
}

/* Buses are wired before devices, so these find the other services in their tables. */
static int front_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct instance *own = h->core;
	struct front *f = self;

	f->m = own->machine;
	f->get_ext = own->host.get_ext;
	for (uint32_t i = 0; i < f->m->instance_count; i++)
		if (f->m->instances[i] != f->m->sandbox)
			f->m->instances[i]->host.get_ext = get_ext;
	return 0;
}

const struct volt_plugin front_plugin = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "front-end",
    .version = "0.1.0",
    .summary = "relays the driver of another VMM",
    .flags = VOLT_FLAG_BUS,
    .instance_size = sizeof(struct front),
    .init = front_init,
    .get_ext = front_get_ext,
};

/* --------------------------------------------------------------------- the loop */

static struct callee *callee_of(const struct front *f)
{
	return &((struct instance *)f->device_host->core)->callee;
}

static void on_kick(void *arg, uint32_t events)
{
	const struct loop_kick *k = arg;
	const struct front *f = k->front;

	callee_lock(callee_of(f));
	f->device.kick(f->session.self, k->n);
	callee_unlock(callee_of(f));
}

static void on_socket(void *arg, uint32_t events)
{
	((struct front *)arg)->readable = true;
}

static void end(struct front *f)
{
	const char *why = f->channel.why;

	f->readable = false;
	if (why)
		vm_end(&f->m->end, EXIT_FRONT_END, "the front end cannot be served: %s", why);
	else
		vm_end(&f->m->end, EXIT_POWEROFF, "the front end has left");
}

/* A front end that sends without end must not keep signals and timers waiting. */
static void take_messages(void *arg)
{
	struct front *f = arg;
	struct channel *c = &f->channel;

	for (unsigned i = 0; f->readable && i < MESSAGES_MAX; i++) {
		if (!channel_receive(c)) {
			f->readable = false;
			break;
		}
		callee_lock(callee_of(f));
		session_handle(&f->session, c);
		callee_unlock(callee_of(f));
		channel_done(c);
	}
	if (c->gone)
		end(f);
	else if (f->readable)
		loop_wake(&f->m->loop);
}

static void declare(void *self, struct ledger_later later, struct ledger *l)
{
	struct front *f = self;
	struct session *s = &f->session;
	struct ledger_block passing;

	for (uint32_t n = 0; n < f->device.queues; n++) {
		const uint32_t w = f->device.worker(s->self, n);

		if (w < f->m->worker_count)
			s->waits[n] = (struct kick_wait){.epoll_fd = f->m->workers[w].epoll_fd,
			    .data.fd = session_slot(SLOT_KICK, n)};
		else
			s->waits[n] = (struct kick_wait){.epoll_fd = f->m->loop.epoll_fd,
			    .data.ptr = (void *)(uintptr_t)f->kicks[n].watch};
	}
	session_declare(s, &f->channel, l);
	while (ledger_next_free(&later, &passing))
		session_declare_passing(passing, l);
}

static int make_watches(struct front *f, int socket)
{
	struct loop *l = &f->m->loop;

	for (uint32_t n = 0; n < f->device.queues; n++) {
		f->kicks[n] = (struct loop_kick){
		    .front = f, .n = n, .watch = loop_make_watch(l, on_kick, &f->kicks[n])};
		if (!f->kicks[n].watch)
			return -ENOSPC;
	}
	for (uint32_t i = 0; i < f->m->worker_count; i++)
		f->m->workers[i].has_event =
		    true; /* it waits in an epoll, which has room for kicks */
	const int err = loop_add_prepare(l, take_messages, f);

	return err ? err
		   : loop_watch_or_log(l, "the front end", socket, EPOLLIN | EPOLLRDHUP,
			 loop_make_watch(l, on_socket, f));
}

int front_open(struct front *f, int socket)
{
	const int nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (nothing < 0)
		return log_error(errno, "cannot make an eventfd: %s", strerror(errno));
	f->channel = (struct channel){.fd = socket};
	f->session = (struct session){.device = &f->device,
	    .self = ((struct instance *)f->device_host->core)->callee.self,
	    .regions = &f->regions};
	f->hosting.declare = declare;
	f->hosting.files = TABLE_MAX + 1; /* one that is too many is received, and then closed */
	f->readable = true;
	const int err = session_open(&f->session, nothing);

	if (err)
		return log_error(-err,
		    "cannot have files %d to %d: %s; start volt-device with fewer files open",
		    SLOT_FIRST, SLOT_FIRST + (int)SLOT_COUNT - 1, strerror(-err));
	return make_watches(f, socket);
}
