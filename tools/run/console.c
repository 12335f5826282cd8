/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/console.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READY    "VOLT VM READY"
#define LINES    12
#define DRAIN_MS 3000

/* The older half goes when there is no room. */
static void keep(struct console *c, const char *bytes, size_t n)
{
	if (c->used + n > sizeof(c->text)) {
		const size_t half = sizeof(c->text) / 2;
		const size_t gone = c->used > half ? c->used - half : 0;

		memmove(c->text, c->text + gone, c->used - gone);
		c->used -= gone;
	}
	memcpy(c->text + c->used, bytes, n);
	c->used += n;
}

bool console_read(struct console *c)
{
	char bytes[sizeof(c->text) / 2];
	const ssize_t n = read(c->fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close(c->fd);
		c->fd = -1;
		return false;
	}
	if (c->shown)
		fwrite(bytes, 1, (size_t)n, stderr);
	/* The words may come in pieces. */
	const size_t before = c->used < sizeof(READY) ? c->used : sizeof(READY);
	keep(c, bytes, (size_t)n);
	const size_t from = c->used - (size_t)n - before;
	return memmem(c->text + from, c->used - from, READY, strlen(READY)) != NULL;
}

/* volt's helper may outlive it for a moment, with the pipe in its hands. */
void console_drain(struct console *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	while (c->fd >= 0 && poll(&p, 1, DRAIN_MS) > 0)
		console_read(c);
}

/* Replaces control bytes, which would drive the terminal. */
static void print_line(const char *line, size_t n)
{
	fputs("  | ", stderr);
	for (size_t i = 0; i < n; i++)
		if (line[i] != '\r')
			fputc((line[i] >= ' ' && line[i] != 0x7f) || line[i] == '\t' ||
				      (unsigned char)line[i] >= 0x80
				  ? line[i]
				  : '?',
			    stderr);
	fputc('\n', stderr);
}

void console_tell(const struct console *c)
{
	size_t end = c->used, from;
	int lines = 0;

	if (c->shown)
		return;
	while (end > 0 && c->text[end - 1] == '\n')
		end--;
	for (from = end; from > 0; from--)
		if (c->text[from - 1] == '\n' && ++lines == LINES)
			break;
	while (from < end) {
		const char *stop = memchr(c->text + from, '\n', end - from);
		const size_t n = stop ? (size_t)(stop - c->text) - from : end - from;

		print_line(c->text + from, n);
		from += n + 1;
	}
}
