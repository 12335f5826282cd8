/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_stream - volt.stream/1: a test feeds one end, the plugin holds the other.
 *
 * set_room() only takes note: as with the real loop, bytes that waited are delivered
 * after the callback, here by fake_stream_feed() or fake_stream_pump().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_internal.h"

static struct fake_stream *own(struct fake_host *f, uint32_t stream, const char *function)
{
	if (stream >= f->stream_count)
		fake_die(f, "%s: stream %u is not its own (it has %u)", function, stream,
		    f->stream_count);
	return &f->streams[stream];
}

static struct fake_stream *attached(struct fake_host *f, uint32_t stream, const char *function)
{
	struct fake_stream *s = own(f, stream, function);

	if (!s->ops)
		fake_die(f, "%s: stream %u is not attached", function, stream);
	if (f->in_job)
		fake_die(
		    f, "%s: needs the instance's lock, which a worker's job has not", function);
	return s;
}

static int stream_attach(
    const struct volt_host *h, uint32_t stream, const struct volt_stream_ops *ops)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "attach", &err);

	if (err)
		return err;
	struct fake_stream *s = own(f, stream, "attach");

	if (!ops || ops->size < sizeof(*ops))
		fake_die(f, "attach: no ops, or their size is not set");
	if (s->ops)
		return fake_refuse(f, "attach", -EBUSY);
	s->ops = ops;
	return 0;
}

static size_t stream_tx(const struct volt_host *h, uint32_t stream, const uint8_t *bytes, size_t n)
{
	struct fake_host *f = fake_of(h, "tx");
	struct fake_stream *s = attached(f, stream, "tx");

	if (!s->connected)
		return n;
	if (n > s->limit)
		n = s->limit;
	if (s->limit != SIZE_MAX)
		s->limit -= n;
	char *grown = realloc(s->output, s->output_len + n + 1);

	if (!grown)
		fake_die(f, "tx: out of memory");
	if (n)
		memcpy(grown + s->output_len, bytes, n);
	s->output = grown;
	s->output_len += n;
	grown[s->output_len] = '\0';
	return n;
}

static void stream_set_room(const struct volt_host *h, uint32_t stream, size_t n)
{
	attached(fake_of(h, "set_room"), stream, "set_room")->room = n;
}

static void stream_hang_up(const struct volt_host *h, uint32_t stream)
{
	struct fake_stream *s = attached(fake_of(h, "hang_up"), stream, "hang_up");

	s->cut_off = s->dismissed;
	s->dismissed = true;
}

/* Streams without a parameter of their own: nobody is there until the test says so. */
static int stream_serve(const struct volt_host *h, uint32_t stream,
    const struct volt_stream_ops *ops, uint32_t count, uint32_t *streams)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "serve", &err);

	if (err)
		return err;
	struct fake_stream *s = own(f, stream, "serve");

	if (!ops || ops->size < sizeof(*ops) || count < 1 || count > 16)
		return fake_refuse(f, "serve", -EINVAL);
	if (s->ops)
		return fake_refuse(f, "serve", -EBUSY);
	if (!s->listens)
		count = 1;
	if (count - 1 > PARAMS_MAX - f->stream_count)
		return fake_refuse(f, "serve", -ENOSPC);
	for (uint32_t i = 0; i < count; i++) {
		streams[i] = i ? f->stream_count++ : stream;
		f->streams[streams[i]].ops = ops;
		if (i)
			f->streams[streams[i]].limit = SIZE_MAX;
	}
	return (int)count;
}

static int stream_window(
    const struct volt_host *h, uint32_t stream, uint16_t *columns, uint16_t *rows)
{
	struct fake_host *f = fake_of(h, "window");
	struct fake_stream *s = own(f, stream, "window");

	if (f->in_job)
		fake_die(f, "window: is for the loop, and this is a worker's job");
	if (f->state == FAKE_WIRING)
		s->asked = true;
	if (!s->asked || s->columns == 0)
		return -ENOTTY;
	*columns = s->columns;
	*rows = s->rows;
	return 0;
}

const struct volt_stream fake_stream = {
    .size = sizeof(fake_stream),
    .attach = stream_attach,
    .tx = stream_tx,
    .set_room = stream_set_room,
    .hang_up = stream_hang_up,
    .serve = stream_serve,
    .window = stream_window,
};

static void tell(struct fake_host *f, uint32_t stream, uint32_t event)
{
	const struct volt_stream_ops *ops = f->streams[stream].ops;

	if (!ops || !ops->event)
		return;
	fake_enter(f, "event");
	ops->event(f->self, stream, event);
	fake_leave(f);
}

void fake_connect_streams(struct fake_host *f)
{
	for (uint32_t i = 0; i < f->stream_count; i++)
		if (f->streams[i].connected)
			tell(f, i, VOLT_STREAM_CONNECTED);
}

void fake_finish_streams(struct fake_host *f)
{
	for (unsigned i = 0; i < f->stream_count; i++) {
		free(f->streams[i].input);
		free(f->streams[i].output);
	}
}

/* ----------------------------------------------------------- the peer */

static const struct fake_stream *look(const struct fake_host *f, uint32_t stream)
{
	if (stream >= f->stream_count)
		fake_die(f, "the test uses stream %u of %u", stream, f->stream_count);
	return &f->streams[stream];
}

static struct fake_stream *find(struct fake_host *f, uint32_t stream)
{
	return &f->streams[look(f, stream) - f->streams];
}

/* The plugin gets a copy of just n bytes, so that reading beyond them is found. */
static void deliver(struct fake_host *f, uint32_t stream, size_t n)
{
	struct fake_stream *s = &f->streams[stream];
	uint8_t *bytes = fake_alloc(n);

	memcpy(bytes, s->input, n);
	memmove(s->input, s->input + n, s->input_len - n);
	s->input_len -= n;
	s->room -= n;
	fake_enter(f, "rx");
	s->ops->rx(f->self, stream, bytes, n);
	fake_leave(f);
	free(bytes);
}

size_t fake_stream_pump(struct fake_host *f, uint32_t stream)
{
	struct fake_stream *s = find(f, stream);

	while (f->state == FAKE_RUNNING && s->ops && s->ops->rx && s->room && s->input_len)
		deliver(f, stream, s->room < s->input_len ? s->room : s->input_len);
	return s->input_len;
}

size_t fake_stream_feed(struct fake_host *f, uint32_t stream, const void *bytes, size_t n)
{
	struct fake_stream *s = find(f, stream);
	size_t waited = s->input_len + n;
	uint8_t *grown = realloc(s->input, waited + 1);

	if (!s->connected)
		fake_die(f, "the test feeds stream %u, but no peer is connected", stream);
	if (!grown)
		fake_die(f, "fake_stream_feed: out of memory");
	if (n)
		memcpy(grown + s->input_len, bytes, n);
	s->input = grown;
	s->input_len = waited;
	return waited - fake_stream_pump(f, stream);
}

unsigned fake_stream_count(const struct fake_host *f)
{
	return f->stream_count;
}

bool fake_stream_connected(const struct fake_host *f, uint32_t stream)
{
	return look(f, stream)->connected;
}

size_t fake_stream_room(const struct fake_host *f, uint32_t stream)
{
	return look(f, stream)->room;
}

const char *fake_stream_output(const struct fake_host *f, uint32_t stream, size_t *n)
{
	const struct fake_stream *s = look(f, stream);

	if (n)
		*n = s->output_len;
	return s->output_len ? s->output : "";
}

bool fake_stream_dismissed(const struct fake_host *f, uint32_t stream)
{
	return look(f, stream)->dismissed;
}

bool fake_stream_cut_off(const struct fake_host *f, uint32_t stream)
{
	return look(f, stream)->cut_off;
}

void fake_stream_clear(struct fake_host *f, uint32_t stream)
{
	find(f, stream)->output_len = 0;
}

void fake_stream_limit(struct fake_host *f, uint32_t stream, size_t n)
{
	find(f, stream)->limit = n;
}

void fake_stream_resize(struct fake_host *f, uint32_t stream, uint16_t columns, uint16_t rows)
{
	struct fake_stream *s = find(f, stream);

	s->columns = columns;
	s->rows = rows;
	if (f->state == FAKE_RUNNING && s->asked)
		tell(f, stream, VOLT_STREAM_RESIZED);
}

void fake_stream_event(struct fake_host *f, uint32_t stream, uint32_t event)
{
	struct fake_stream *s = find(f, stream);

	fake_must_run(f, "fake_stream_event");
	if (event == VOLT_STREAM_CONNECTED) {
		s->connected = true;
		s->dismissed = s->cut_off = false;
	}
	if (event == VOLT_STREAM_DISCONNECTED)
		s->connected = false;
	tell(f, stream, event);
}
