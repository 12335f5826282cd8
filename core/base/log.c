/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/lock.h"

#define RING_SIZE 16384u

uint32_t log_level = VOLT_LOG_INFO;

static struct {
	int fd;
	bool queued, raw, shortage, lack;
	void (*wake)(void *);
	void *wake_arg;
	struct lock lock; /* leaf: nothing else is taken under it */
	char ring[RING_SIZE];
	size_t used;
	unsigned lost;
	int copy_fd;
	size_t copy_left; /* bytes; 0: no copy */
	size_t (*prefix)(char *to, size_t size);
} out; /* no initializer: the ring would be bytes of the file */

void log_set_fd(int fd)
{
	out.fd = fd;
}

int log_fd(void)
{
	return out.fd;
}

void log_declare(struct ledger *l)
{
	const struct ledger_block log = out.fd == STDERR_FILENO
					    ? ledger_on(out.fd, "core")
					    : ledger_file(l, out.fd, "core", "log");

	ledger_allow(l, log, LEDGER_LOOP, "write", NULL, "writes the log");
	ledger_allow(l, ledger_file(l, log_copy_fd(), "core", "log of a named VM"), LEDGER_LOOP,
	    "write", NULL, "writes the log of a named VM");
}

void log_set_raw(bool raw)
{
	out.raw = raw;
}

void log_init(void)
{
	out.fd = STDERR_FILENO;
	lock_init(&out.lock);
}

void log_queue(void (*wake)(void *), void *arg)
{
	out.wake = wake;
	out.wake_arg = arg;
	out.queued = true;
}

void log_set_copy(int fd, size_t limit)
{
	out.copy_fd = fd;
	out.copy_left = limit;
}

int log_copy_fd(void)
{
	return out.copy_left > 0 ? out.copy_fd : -1;
}

void log_move_copy(int fd)
{
	out.copy_fd = fd;
}

void log_set_prefix(size_t (*prefix)(char *to, size_t size))
{
	out.prefix = prefix;
}

/* Up to its limit; whether it took them is of no interest to anybody. */
static void write_copy(const char *text, size_t n)
{
	if (n > out.copy_left)
		n = out.copy_left;
	if (n > 0 && write(out.copy_fd, text, n) > 0)
		out.copy_left -= n;
}

static void write_all(const char *text, size_t n)
{
	write_copy(text, n);
	while (n > 0) {
		ssize_t done = write(out.fd, text, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			out.lost++; /* a full disk or a stuck reader must not stop the VM */
			return;
		}
		text += done;
		n -= (size_t)done;
	}
}

static int put_prefix(char *to, size_t size)
{
	return out.prefix ? (int)out.prefix(to, size) : snprintf(to, size, "volt: ");
}

/* What the ring holds, and no more: lines that come meanwhile wake the loop for another turn, so a
 * thread that logs on and on does not hold it. */
void log_flush(void)
{
	char copy[1024];
	size_t n, written = 0;

	do {
		char note[192];

		lock_take(&out.lock);
		n = out.used < sizeof(copy) ? out.used : sizeof(copy);
		memcpy(copy, out.ring, n);
		memmove(out.ring, out.ring + n, out.used - n);
		out.used -= n;
		note[0] = '\0';
		if (out.used == 0 && out.lost > 0) {
			const int used = put_prefix(note, sizeof(note) / 2);
			snprintf(note + used, sizeof(note) / 2, "warning: %u log lines lost%s\n",
			    out.lost, out.raw ? "\r" : "");
			out.lost = 0;
		}
		lock_release(&out.lock);
		write_all(copy, n);
		write_all(note, strlen(note));
		written += n;
	} while (n > 0 && written < RING_SIZE);
}

static void enqueue(const char *line, size_t n)
{
	lock_take(&out.lock);
	if (n <= RING_SIZE - out.used) {
		memcpy(out.ring + out.used, line, n);
		out.used += n;
	} else {
		out.lost++;
	}
	lock_release(&out.lock);
	out.wake(out.wake_arg);
}

/* Bytes of the UTF-8 character at `p` if it is a printable one, else 0 (RFC 3629; C0 and
 * C1 control characters drive terminals). */
unsigned log_printable_length(const unsigned char *p)
{
	unsigned n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 1)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	for (unsigned i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* C1; then what takes more bytes than it needs, surrogates, and what is above Unicode. */
	if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) ||
	    (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Parts of a line can come from a guest or a file: no byte of it may drive a terminal. */
static void make_printable(char *text)
{
	for (unsigned n; *text != '\0'; text += n != 0 ? n : 1)
		if ((n = log_printable_length((const unsigned char *)text)) == 0)
			*text = '?';
}

static void emit(uint32_t level, const char *fmt, va_list ap)
{
	static const char *const prefix[] = {"error: ", "warning: ", "", "", ""};
	char line[640];
	int used = put_prefix(line, sizeof(line) / 2);
	used += snprintf(line + used, sizeof(line) / 2, "%s", prefix[level]);
	int n = vsnprintf(line + used, sizeof(line) - 2 - (size_t)used, fmt, ap);

	if (n < 0)
		return;
	make_printable(line);
	size_t len = strlen(line);
	if (out.raw)
		line[len++] = '\r';
	line[len++] = '\n';
	if (out.queued)
		enqueue(line, len);
	else
		write_all(line, len);
}

void log_line(uint32_t level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_level || level > VOLT_LOG_TRACE)
		return;
	va_start(ap, fmt);
	emit(level, fmt, ap);
	va_end(ap);
}

int(log_error)(int err, const char *fmt, ...)
{
	va_list ap;

	if (err == ENOMEM || err == EMFILE || err == ENFILE)
		out.shortage = true;
	va_start(ap, fmt);
	emit(VOLT_LOG_ERROR, fmt, ap);
	va_end(ap);
	return -err;
}

int log_host_error(int err, const char *fmt, ...)
{
	va_list ap;

	if (err == ENOMEM || err == EMFILE || err == ENFILE || err == ENOSPC || err == EDQUOT ||
	    err == EFBIG || err == EAGAIN)
		out.shortage = true;
	else
		out.lack = true;
	va_start(ap, fmt);
	emit(VOLT_LOG_ERROR, fmt, ap);
	va_end(ap);
	return -err;
}

bool log_saw_lack(void)
{
	return out.lack;
}

bool log_saw_shortage(void)
{
	return out.shortage;
}
