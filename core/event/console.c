/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/console.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/lock.h"
#include "core/base/log.h"

#define BACKLOG     65536u
#define CLIENT_ROOM 1024u             /* bytes of input at a time */
#define HELD_MAX    (STREAM_HELD / 2) /* beyond that the guest does not read: clients wait */

struct client {
	struct stream *stream;
	bool connected;
	uint64_t lost; /* bytes since it was last told */
};

/* [loop], all of it, once it is open. */
static struct console {
	struct stream *of; /* NULL: not open */
	struct callee callee;
	struct callee_lock lock;
	struct client clients[CONSOLE_CLIENTS];
	uint32_t client_count;
	uint32_t fed; /* where in the ring of the stream the next bytes begin */
	uint64_t put; /* bytes ever put into the backlog */
	uint8_t backlog[BACKLOG];
} console;

/* ---------------------------------------------------------------------- output */

static uint32_t free_room(const struct stream *s)
{
	return STREAM_RING - (s->head - __atomic_load_n(&s->tail, __ATOMIC_ACQUIRE));
}

/* A note about the gap goes first, whole or not yet. */
static bool tell_loss(struct client *c)
{
	char note[64];

	if (c->lost == 0)
		return true;
	const int n = snprintf(note, sizeof(note), "\r\n[volt: %llu bytes of output lost]\r\n",
	    (unsigned long long)c->lost);
	if (free_room(c->stream) < (uint32_t)n)
		return false;
	stream_tx(c->stream, (const uint8_t *)note, (size_t)n);
	c->lost = 0;
	return true;
}

static void send(struct client *c, const uint8_t *bytes, size_t n)
{
	const size_t taken = tell_loss(c) ? stream_tx(c->stream, bytes, n) : 0;

	c->lost += n - taken;
}

static void put(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		console.backlog[console.put++ % BACKLOG] = bytes[i];
	for (uint32_t i = 0; i < console.client_count; i++)
		if (console.clients[i].connected)
			send(&console.clients[i], bytes, n);
}

static void feed(struct stream *s)
{
	const uint32_t head = __atomic_load_n(&s->head, __ATOMIC_ACQUIRE);

	while (console.fed != head) {
		const uint32_t at = console.fed % STREAM_RING, used = head - console.fed;
		const uint32_t chunk = used < STREAM_RING - at ? used : STREAM_RING - at;

		put(s->ring + at, chunk);
		console.fed += chunk;
	}
}

/* All of it has room: the ring of a client that has just come is empty. */
static void send_backlog(struct client *c)
{
	const uint64_t size = console.put < BACKLOG ? console.put : BACKLOG;
	const uint32_t at = (uint32_t)((console.put - size) % BACKLOG);
	const size_t first = size < BACKLOG - at ? size : BACKLOG - at;

	c->lost = 0;
	send(c, console.backlog + at, first);
	send(c, console.backlog, size - first);
}

/* ----------------------------------------------------------------------- input */

static struct client *client_of(uint32_t stream)
{
	for (uint32_t i = 0; i < console.client_count; i++)
		if (console.clients[i].stream->number == stream)
			return &console.clients[i];
	return NULL;
}

static void on_bytes(void *self, uint32_t stream, const uint8_t *bytes, size_t n)
{
	stream_input(console.of, bytes, n);
}

static void on_event(void *self, uint32_t stream, uint32_t event)
{
	struct client *c = client_of(stream);

	if (!c || (event != VOLT_STREAM_CONNECTED && event != VOLT_STREAM_DISCONNECTED))
		return;
	c->connected = event == VOLT_STREAM_CONNECTED;
	if (c->connected)
		send_backlog(c);
}

static const struct volt_stream_ops client_ops = {
    .size = sizeof(client_ops), .rx = on_bytes, .event = on_event};

/* In each turn of the loop: who reads again learns of a gap, though nothing new is printed. Input
 * is taken as long as the guest reads what there is. */
static void serve_clients(void *arg)
{
	const size_t room = console.of->held_count <= HELD_MAX ? CLIENT_ROOM : 0;

	for (uint32_t i = 0; i < console.client_count; i++) {
		if (!console.clients[i].connected)
			continue;
		tell_loss(&console.clients[i]);
		stream_set_room(console.clients[i].stream, room);
	}
}

/* ------------------------------------------------------------------------ open */

struct stream *console_find(struct streams *all)
{
	struct stream *found = NULL;

	for (uint32_t i = 0; i < all->count; i++) {
		struct stream *s = &all->list[i];

		if (!s->ops)
			continue;
		if (s->kind == STREAM_STDIO)
			return s;
		if (s->kind == STREAM_NULL && !found)
			found = s;
	}
	return found;
}

static int add_client(struct streams *all, int number)
{
	struct stream *s = &all->list[number];

	console.clients[console.client_count++] = (struct client){.stream = s};
	return stream_attach(s, &client_ops);
}

static int add_clients(struct streams *all, int first)
{
	int err = add_client(all, first);

	while (!err && console.client_count < CONSOLE_CLIENTS) {
		const int number = stream_open_sibling(&all->list[first]);

		err = number < 0 ? number : add_client(all, number);
	}
	return err;
}

static int serve(struct streams *all, int first)
{
	const int err = add_clients(all, first);

	return err ? err : loop_add_prepare(all->loop, serve_clients, NULL);
}

int console_open(struct streams *all, const char *path)
{
	char spec[300], why[300];

	console.of = console_find(all);
	if (!console.of)
		return 0;
	if (all->count + CONSOLE_CLIENTS > STREAM_MAX) {
		log_warn("the VM has no console socket: its plugins use %u of %u streams",
		    all->count, STREAM_MAX);
		return 0;
	}
	snprintf(console.callee.id, sizeof(console.callee.id), "core");
	console.callee.self = &console;
	console.callee.always = true;
	console.callee.lock = &console.lock;
	lock_init(&console.lock.lock);
	snprintf(spec, sizeof(spec), "unix:%s", path);
	const int first = stream_open(all, &console.callee, spec, why, sizeof(why));
	if (first < 0)
		return log_error(-first, "--name: cannot open the console: %s", why);
	const int err = serve(all, first);
	if (err)
		return log_error(-err, "--name: cannot open the console: %s", strerror(-err));
	console.of->tap = feed;
	return 0;
}
