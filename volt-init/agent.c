/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * The connection: frames in both directions, and the command's standard streams in between. One
 * process serves one connection, so that a host that does not read holds up nobody else.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "agent_child.h"
#include "parts.h"

enum { SOCKET, OUTPUT, ERRORS, INPUT, CHILD, FILES };

struct agent {
	int fd;
	struct agent_child child;
	struct pollfd files[FILES];
	uint32_t begin, used; /* the part of `input` that waits for the command */
	uint32_t ahead;       /* what the host has sent since it was told of more room */
	bool input_ended;
	uint8_t input[AGENT_WINDOW];
	uint8_t frame[AGENT_FRAME_MAX];
};

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* The command goes with its connection, as with a terminal that hangs up. */
static void quit(const struct agent *a)
{
	if (a->child.pid > 0) {
		kill(-a->child.pid, SIGHUP);
		kill(-a->child.pid, SIGKILL);
	}
	_exit(0);
}

static void write_all(const struct agent *a, const void *from, size_t n)
{
	const char *p = from;

	while (n > 0) {
		const ssize_t part = send(a->fd, p, n, MSG_NOSIGNAL);

		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			quit(a);
		p += part;
		n -= (size_t)part;
	}
}

static void send_frame(const struct agent *a, uint32_t kind, const void *bytes, uint32_t n)
{
	uint8_t head[8];

	put32(head, n);
	put32(head + 4, kind);
	write_all(a, head, sizeof(head));
	write_all(a, bytes, n);
}

static void send_number(const struct agent *a, uint32_t kind, uint32_t number)
{
	uint8_t bytes[4];

	put32(bytes, number);
	send_frame(a, kind, bytes, sizeof(bytes));
}

static void refuse(const struct agent *a, const char *why)
{
	send_frame(a, AGENT_REFUSED, why, (uint32_t)strlen(why));
	quit(a);
}

static void read_all(const struct agent *a, uint8_t *to, size_t n)
{
	while (n > 0) {
		const ssize_t part = read(a->fd, to, n);

		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			quit(a);
		to += part;
		n -= (size_t)part;
	}
}

/* Its payload goes to a->frame. */
static uint32_t read_frame(struct agent *a, uint32_t *n)
{
	uint8_t head[8];

	read_all(a, head, sizeof(head));
	*n = get32(head);
	if (*n > sizeof(a->frame))
		refuse(a, "the frame is too long");
	read_all(a, a->frame, *n);
	return get32(head + 4);
}

/* ---------------------------------------------------------------------- input */

static void end_input(struct agent *a)
{
	static const char end_of_file = 4; /* what a terminal takes for it */

	if (!a->input_ended || a->used || a->child.input < 0)
		return;
	if (a->child.pty)
		write(a->child.input, &end_of_file, 1);
	else
		close(a->child.input);
	a->child.input = -1;
}

static void take_input(struct agent *a, uint32_t n)
{
	a->ahead += n;
	if (a->ahead > AGENT_WINDOW)
		refuse(a, "more input than there is room for");
	a->input_ended |= n == 0;
	for (uint32_t i = 0; i < n && a->child.input >= 0; i++)
		a->input[(a->begin + a->used++) % AGENT_WINDOW] = a->frame[i];
	end_input(a);
}

static void tell_room(struct agent *a, uint32_t n)
{
	a->ahead -= n;
	send_number(a, AGENT_MORE, n);
}

static void pass_input(struct agent *a)
{
	const uint32_t tail = AGENT_WINDOW - a->begin;
	const uint32_t part = a->used < tail ? a->used : tail;
	const ssize_t n = write(a->child.input, a->input + a->begin, part);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) { /* it reads no more: the rest is lost, as in a pipe */
		tell_room(a, a->used);
		a->used = 0;
		a->input_ended = true;
	} else {
		a->begin = (a->begin + (uint32_t)n) % AGENT_WINDOW;
		a->used -= (uint32_t)n;
		tell_room(a, (uint32_t)n);
	}
	end_input(a);
}

/* --------------------------------------------------------------------- output */

/* False: there is no more now, or for good; then *fd is -1. */
static bool pass_output(struct agent *a, int *fd, uint32_t kind)
{
	const ssize_t n = *fd < 0 ? 0 : read(*fd, a->frame, sizeof(a->frame));

	if (n > 0) {
		send_frame(a, kind, a->frame, (uint32_t)n);
		return true;
	}
	if (*fd >= 0 && n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	*fd = -1; /* the end; of a pty EIO */
	return false;
}

/* What it has printed comes before its status; what a child of its own prints later does not. */
static void finish(struct agent *a)
{
	int status;

	if (waitpid(a->child.pid, &status, WNOHANG) != a->child.pid)
		return;
	while (pass_output(a, &a->child.output, AGENT_OUTPUT))
		continue;
	while (pass_output(a, &a->child.errors, AGENT_ERRORS))
		continue;
	send_number(a, AGENT_EXIT, (uint32_t)command_status(status));
	a->child.pid = 0;
	quit(a);
}

/* ------------------------------------------------------------------- requests */

static void set_size(const struct agent *a, uint32_t size)
{
	const struct winsize w = {
	    .ws_row = (unsigned short)size, .ws_col = (unsigned short)(size >> 16)};

	if (a->child.pty)
		ioctl(a->child.output, TIOCSWINSZ, &w);
}

static void set_clock(const struct agent *a)
{
	const uint64_t ns = get32(a->frame) | (uint64_t)get32(a->frame + 4) << 32;
	const struct timespec t = {
	    .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

	if (clock_settime(CLOCK_REALTIME, &t))
		refuse(a, strerror(errno));
	send_number(a, AGENT_EXIT, 0);
	quit(a);
}

/* Process 1 does it, as volt-init and BusyBox understand it. */
static void end_guest(const struct agent *a, uint32_t how)
{
	if (kill(1, how ? SIGTERM : SIGUSR2))
		refuse(a, strerror(errno));
	send_number(a, AGENT_EXIT, 0);
	quit(a);
}

/* A frame while the command runs. */
static void take_frame(struct agent *a)
{
	uint32_t n;
	const uint32_t kind = read_frame(a, &n);

	if (kind == AGENT_INPUT)
		take_input(a, n);
	else if (kind == AGENT_SIGNAL && n == 4)
		kill(-a->child.pid, (int)get32(a->frame));
	else if (kind == AGENT_SIZE && n == 4)
		set_size(a, get32(a->frame));
	else
		refuse(a, "a frame that does not fit here");
}

static void serve_command(struct agent *a)
{
	for (;;) {
		const int fds[FILES] = {a->fd, a->child.output, a->child.errors,
		    a->used ? a->child.input : -1, a->child.signals};

		for (int i = 0; i < FILES; i++)
			a->files[i] =
			    (struct pollfd){.fd = fds[i], .events = i == INPUT ? POLLOUT : POLLIN};
		if (poll(a->files, FILES, -1) < 0)
			continue;
		if (a->files[SOCKET].revents)
			take_frame(a);
		if (a->files[OUTPUT].revents)
			pass_output(a, &a->child.output, AGENT_OUTPUT);
		if (a->files[ERRORS].revents)
			pass_output(a, &a->child.errors, AGENT_ERRORS);
		if (a->files[INPUT].revents && a->child.input >= 0)
			pass_input(a);
		if (a->files[CHILD].revents)
			finish(a);
	}
}

void agent_serve(int fd)
{
	static struct agent a;
	uint32_t n;

	signal(SIGPIPE, SIG_IGN);
	a.fd = fd;
	send_number(&a, AGENT_HELLO, AGENT_VERSION);
	const uint32_t kind = read_frame(&a, &n);

	if (kind == AGENT_CLOCK && n == 8)
		set_clock(&a);
	if (kind == AGENT_END && n == 4)
		end_guest(&a, get32(a.frame));
	if (kind != AGENT_RUN)
		refuse(&a, "a request that is not known");
	const char *why = agent_child_start(&a.child, a.frame, n);

	if (why)
		refuse(&a, why);
	serve_command(&a);
}
