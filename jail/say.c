/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int complain(int code, const char *fmt, ...)
{
	char line[9216] = "volt-jail: ";
	size_t head = strlen(line), room = sizeof(line) - head - 1;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line + head, room, fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	line[head + len] = '\n';
	/* One write, so that lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, head + len + 1) < 0)
		return code; /* nobody is left to read it */
	return code;
}

int complain_code(int code)
{
	return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? JAIL_RESOURCES : code;
}
