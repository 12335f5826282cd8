/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <string.h>

#include "control.h"

enum { PARAM_SOCKET };

#define RETRY_NS 1000000ull    /* the host's buffer was full */
#define LOOK_NS  1000000000ull /* between two looks for clients that do not read */
#define PATIENCE_NS \
	30000000000ull /* with a client that neither asks nor listens, or does not read */

static uint32_t client_of(const struct control *c, uint32_t stream)
{
	uint32_t number = 0;

	while (number < c->client_count - 1 && c->streams[number] != stream)
		number++;
	return number;
}

/* No request is read while answers wait: a client that does not read them waits for itself. */
static void set_room(struct control *c, uint32_t number)
{
	const struct client *k = &c->clients[number];

	c->stream->set_room(c->h, c->streams[number], k->out_size ? 0 : sizeof(k->in) - k->in_size);
}

bool control_send(struct control *c, uint32_t number, const char *bytes, size_t n)
{
	struct client *k = &c->clients[number];

	if (!k->connected || n > sizeof(k->out) - k->out_size)
		return false;
	memcpy(k->out + k->out_size, bytes, n);
	k->out_size += n;
	return true;
}

void control_flush(struct control *c, uint32_t number)
{
	struct client *k = &c->clients[number];
	const size_t left = k->out_size - k->out_sent;

	if (!k->connected || !left)
		return;
	const size_t sent =
	    c->stream->tx(c->h, c->streams[number], (const uint8_t *)k->out + k->out_sent, left);
	k->out_sent += sent;
	if (sent)
		k->moved_ns = c->loop->now(c->h);
	if (k->out_sent == k->out_size) {
		k->out_sent = k->out_size = 0;
		return;
	}
	c->loop->arm(c->h, c->timer, c->loop->now(c->h) + RETRY_NS);
}

/* A line that does not fit is answered once and skipped to its end. */
static void refuse_overlong(struct control *c, uint32_t number)
{
	struct client *k = &c->clients[number];

	if (!k->overlong)
		control_error(c, number, "null", RPC_INVALID_REQUEST,
		    "the line is longer than 16383 bytes", 0);
	k->overlong = true;
	k->in_size = 0;
}

/* The requests that are whole, one at a time, as long as their answers leave. */
static void serve(struct control *c, uint32_t number)
{
	struct client *k = &c->clients[number];
	size_t at = 0;

	while (k->connected && !k->out_size && at < k->in_size) {
		const char *line = k->in + at;
		const char *end = memchr(line, '\n', k->in_size - at);

		if (!end)
			break;
		at += (size_t)(end - line) + 1;
		if (!k->overlong && end > line)
			control_request(c, number, line, (size_t)(end - line));
		k->overlong = false;
	}
	memmove(k->in, k->in + at, k->in_size - at);
	k->in_size -= at;
	if (k->in_size == sizeof(k->in) && !memchr(k->in, '\n', k->in_size))
		refuse_overlong(c, number);
	if (k->connected)
		set_room(c, number);
}

static void on_bytes(void *self, uint32_t stream, const uint8_t *bytes, size_t n)
{
	struct control *c = self;
	const uint32_t number = client_of(c, stream);
	struct client *k = &c->clients[number];

	memcpy(k->in + k->in_size, bytes, n);
	k->in_size += n;
	k->moved_ns = c->loop->now(c->h);
	serve(c, number);
}

static void on_event(void *self, uint32_t stream, uint32_t event)
{
	struct control *c = self;
	struct client *k = &c->clients[client_of(c, stream)];

	if (event != VOLT_STREAM_CONNECTED && event != VOLT_STREAM_DISCONNECTED)
		return;
	k->connected = event == VOLT_STREAM_CONNECTED;
	k->listens = k->overlong = false;
	k->generation++;
	k->in_size = k->out_size = k->out_sent = 0;
	k->lost = 0;
	k->moved_ns = c->loop->now(c->h);
	c->stream->set_room(c->h, stream, k->connected ? sizeof(k->in) : 0);
	if (k->connected)
		c->loop->arm(c->h, c->timer, k->moved_ns + RETRY_NS);
}

static const struct volt_stream_ops stream_ops = {
    .size = sizeof(stream_ops), .rx = on_bytes, .event = on_event};

/* Of those who wait in front of the socket each gets its turn. A client that has a call open is
 * not idle. */
static bool stands_still(const struct control *c, uint32_t number, uint64_t now)
{
	const struct client *k = &c->clients[number];

	if (c->client_count == 1 || now < k->moved_ns + PATIENCE_NS)
		return false; /* nobody waits for the place of an only client */
	if (k->out_size)
		return true;
	for (uint32_t i = 0; i < CALL_MAX; i++)
		if (c->calls[i].used && c->calls[i].client == number &&
		    c->calls[i].generation == k->generation)
			return false;
	return !k->listens;
}

/* Asked twice, so that what was not read is lost. */
static void cut_off(struct control *c, uint32_t number)
{
	volt_count(c->h, COUNT_CUT_OFF, 1);
	c->clients[number].moved_ns = c->loop->now(c->h);
	c->stream->hang_up(c->h, c->streams[number]);
	c->stream->hang_up(c->h, c->streams[number]);
}

static void on_timer(void *self)
{
	struct control *c = self;
	const uint64_t now = c->loop->now(c->h);
	uint64_t next = 0;

	for (uint32_t i = 0; i < CLIENT_MAX; i++) {
		struct client *k = &c->clients[i];

		if (!k->connected)
			continue;
		if (stands_still(c, i, now)) {
			cut_off(c, i);
			continue;
		}
		control_flush(c, i);
		if (!k->out_size)
			serve(c, i);
		const uint64_t at = now + (k->out_size ? RETRY_NS : LOOK_NS);
		next = !next || at < next ? at : next;
	}
	c->loop->arm(c->h, c->timer, next);
}

static int find_services(struct control *c, const struct volt_host *h)
{
	c->h = h;
	c->loop = h->get_ext(h, VOLT_EXT_LOOP);
	c->stream = h->get_ext(h, VOLT_EXT_STREAM);
	c->control = h->get_ext(h, VOLT_EXT_MANAGE);
	if (!c->loop || !c->stream || !c->control || !VOLT_HAS(c->stream, serve))
		return volt_fail(h, ENOTSUP, "the host lacks one of %s, %s with serve, %s",
		    VOLT_EXT_LOOP, VOLT_EXT_STREAM, VOLT_EXT_MANAGE);
	return 0;
}

static int control_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct control *c = self;
	int err = find_services(c, h);

	if (err)
		return err;
	int count = c->stream->serve(
	    h, (uint32_t)volt_arg(a, PARAM_SOCKET)->u, &stream_ops, CLIENT_MAX, c->streams);
	if (count < 0)
		return volt_fail(h, -count, "cannot listen for commands");
	c->client_count = (uint32_t)count;
	err = c->loop->add_timer(h, on_timer, &c->timer);
	if (err)
		return volt_fail(h, -err, "cannot listen for commands");
	err = c->control->attach(h, &control_ops);
	return err ? volt_fail(h, -err, "cannot listen for commands") : 0;
}

static const struct volt_param params[] = {
    [PARAM_SOCKET] = {.name = "socket",
	.type = VOLT_PARAM_STREAM,
	.help = "where commands come from: unix:PATH, for eight clients at once"},
};

static const struct volt_counter counters[] = {
    [COUNT_REQUESTS] = {"requests", "lines that clients sent"},
    [COUNT_ERRORS] = {"errors", "requests that were answered with an error"},
    [COUNT_EVENTS_LOST] = {"events_lost", "events that a client had no room for"},
    [COUNT_CUT_OFF] = {"cut_off", "clients that were cut off, as they stood still"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "control",
    .version = "0.1.0",
    .summary = "commands and events of the running VM, by JSON-RPC on a Unix socket",
    .flags = VOLT_FLAG_IN_PROCESS_ONLY,
    .instance_size = sizeof(struct control),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = control_init,
};
