/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"

#define MARK_MAX 64

static struct {
	uint64_t start_ns;
	unsigned count;
	struct {
		const char *name;
		char detail[80];
		uint64_t end_ns;
	} marks[MARK_MAX];
} trace;

void trace_init(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	trace.start_ns =
	    clock_now() - ((uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec);
}

void trace_mark(const char *name, const char *fmt, ...)
{
	va_list ap;

	if (trace.count == MARK_MAX)
		return;
	unsigned i = trace.count++;
	trace.marks[i].name = name;
	trace.marks[i].end_ns = clock_now() - trace.start_ns;
	if (fmt) {
		va_start(ap, fmt);
		vsnprintf(trace.marks[i].detail, sizeof(trace.marks[i].detail), fmt, ap);
		va_end(ap);
	}
	if (log_level < VOLT_LOG_TRACE)
		return;
	uint64_t from = i > 0 ? trace.marks[i - 1].end_ns : 0;
	log_line(VOLT_LOG_TRACE, "%8.3f ms  +%7.3f  %s%s%s", (double)trace.marks[i].end_ns / 1e6,
	    (double)(trace.marks[i].end_ns - from) / 1e6, name, fmt ? ": " : "",
	    trace.marks[i].detail);
}

/* Details are our own words, but may quote a file's name. */
static void quote(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; *from != '\0' && n + 2 < size; from++) {
		if (*from == '"' || *from == '\\')
			to[n++] = '\\';
		to[n++] = (unsigned char)*from < 0x20 ? ' ' : *from;
	}
	to[n] = '\0';
}

int trace_write(int fd)
{
	static char text[MARK_MAX * 320];
	size_t n = 0;
	uint64_t from = 0;

	/* The array form of the trace event format, one event per line. Written at once and
	 * not through stdio, which would make calls that the filter does not know. */
	n += (size_t)sprintf(text, "[\n");
	for (unsigned i = 0; i < trace.count; i++) {
		char detail[2 * sizeof(trace.marks[i].detail)];
		uint64_t end = trace.marks[i].end_ns;

		quote(detail, sizeof(detail), trace.marks[i].detail);
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "{\"name\":\"%s\",\"cat\":\"start\",\"ph\":\"X\",\"pid\":1,\"tid\":1,"
		    "\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"detail\":\"%s\"}}%s\n",
		    trace.marks[i].name, (double)from / 1e3, (double)(end - from) / 1e3, detail,
		    i + 1 < trace.count ? "," : "");
		from = end;
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n, "]\n");
	return write(fd, text, n) == (ssize_t)n ? 0 : -errno;
}
