/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tests/core/stream_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct machine *m;
struct near near;

static void check_lock(struct near *n)
{
	n->unlocked |= !kit_locked(&n->owner);
}

static void near_rx(void *self, uint32_t stream, const uint8_t *bytes, size_t n)
{
	struct near *d = self;

	assert_int_equal(stream, d->stream->number);
	assert_true(n >= 1 && n <= sizeof(d->rx) - d->rx_count);
	check_lock(d);
	memcpy(d->rx + d->rx_count, bytes, n);
	d->rx_count += n;
	if (n > d->largest)
		d->largest = n;
	if (d->refill > 0)
		stream_set_room(d->stream, d->refill);
	kit_look(NULL);
}

static void near_event(void *self, uint32_t stream, uint32_t event)
{
	struct near *d = self;

	assert_int_equal(stream, d->stream->number);
	assert_in_range(event, VOLT_STREAM_CONNECTED, VOLT_STREAM_ROOM);
	check_lock(d);
	if (d->event_count < sizeof(d->events) - 1)
		d->events[d->event_count++] = "?cdbr"[event];
	kit_look(NULL);
}

static const struct volt_stream_ops ops = {.size = sizeof(ops), .rx = near_rx, .event = near_event};

int stream_setup(void **state)
{
	signal(SIGPIPE, SIG_IGN); /* as core/vm/inherit.c */
	kit_log_start();
	m = kit_machine();
	memset(&near, 0, sizeof(near));
	kit_owner(&near.owner, "near", &near);
	return 0;
}

int stream_teardown(void **state)
{
	assert_false(near.unlocked);
	kit_machine_finish(m);
	kit_remove_dir();
	return 0;
}

void stream_start(const char *text)
{
	if (kit_stream(m, &near.owner, text) != 0)
		fail_msg("%s: %s", text, kit_why);
	near.stream = &m->streams.list[m->streams.count - 1];
	assert_int_equal(stream_attach(near.stream, &ops), 0);
	stream_begin(near.stream);
}

void stream_start_stdio(int in, int out)
{
	int keep_in = dup(STDIN_FILENO), keep_out = dup(STDOUT_FILENO);

	fflush(stdout);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	int err = kit_stream(m, &near.owner, "stdio");
	dup2(keep_in, STDIN_FILENO);
	dup2(keep_out, STDOUT_FILENO);
	close(keep_in);
	close(keep_out);
	assert_int_equal(err, 0);
	near.stream = &m->streams.list[m->streams.count - 1];
	assert_int_equal(stream_attach(near.stream, &ops), 0);
	stream_begin(near.stream);
}

size_t tx(const char *text)
{
	return stream_tx(near.stream, (const uint8_t *)text, strlen(text));
}

static bool rx_is_there(void *want)
{
	return near.rx_count >= *(const size_t *)want;
}

static bool events_are_there(void *want)
{
	return near.event_count >= *(const unsigned *)want;
}

bool wait_rx(size_t count)
{
	return kit_run_until(m, rx_is_there, &count, 1000);
}

bool wait_events(unsigned count)
{
	return kit_run_until(m, events_are_there, &count, 1000);
}

size_t far_read(int fd, void *to, size_t n)
{
	size_t got = 0;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	for (ssize_t part; got < n && (part = read(fd, (char *)to + got, n - got)) > 0;)
		got += (size_t)part;
	return got;
}

int far_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}
