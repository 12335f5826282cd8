/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/say.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/kernel/interrupt.h"

uint32_t log_level = VOLT_LOG_INFO;
bool say_quiet;

static struct say_room capture;

struct say_room say_capture(struct say_room room)
{
	struct say_room before = capture;

	capture = room;
	if (room.text)
		room.text[0] = '\0';
	return before;
}

void say_printable(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void put(const char *mark, const char *fmt, va_list ap)
{
	char line[8192];
	int head = snprintf(line, sizeof(line), "volt-kernel: %s", mark);
	int n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);

	if (n < 0)
		return;
	say_printable(line);
	if (capture.text) {
		snprintf(capture.text, capture.size, "%s", line + head);
		return;
	}
	size_t len = strlen(line);
	line[len] = '\n';
	/* One write, so that lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, len + 1) < 0)
		return; /* nobody is left to read it */
}

int(log_error)(int err, const char *fmt, ...) /* a macro for analysers */
{
	va_list ap;

	if (interrupt_came() != 0)
		return -err; /* the reason for all that fails now, and main() says it */
	va_start(ap, fmt);
	put("error: ", fmt, ap);
	va_end(ap);
	return -err;
}

void log_line(uint32_t level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_level || capture.text)
		return;
	va_start(ap, fmt);
	put(level == VOLT_LOG_WARN ? "warning: " : "", fmt, ap);
	va_end(ap);
}

void say_progress(const char *fmt, ...)
{
	va_list ap;

	if (say_quiet)
		return;
	va_start(ap, fmt);
	put("", fmt, ap);
	va_end(ap);
}

const char *say_size(uint64_t bytes)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB"};
	static char rooms[4][32];
	static unsigned next;
	char *room = rooms[next++ % 4];
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1000 && unit < 3) {
		value /= 1000;
		unit++;
	}
	snprintf(room, sizeof(rooms[0]), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return room;
}
