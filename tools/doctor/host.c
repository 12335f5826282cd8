/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/doctor/host.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void full_path(const struct host *h, const char *path, char *to, size_t size)
{
	snprintf(to, size, "%s%s", h->root, path);
}

bool host_text(const struct host *h, const char *path, char *to, size_t size)
{
	char full[PATH_MAX];
	size_t have = 0;
	ssize_t n = 1;

	to[0] = '\0';
	full_path(h, path, full, sizeof(full));
	int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	while (have < size - 1 && (n = read(fd, to + have, size - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	to[have] = '\0';
	return n >= 0;
}

bool host_line(const struct host *h, const char *path, char *to, size_t size)
{
	bool good = host_text(h, path, to, size);

	to[strcspn(to, "\n")] = '\0';
	return good;
}

bool host_number(const struct host *h, const char *path, uint64_t *out)
{
	char text[64], *end;

	if (!host_line(h, path, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return false;
	*out = strtoull(text, &end, 0);
	return *end == '\0';
}

bool host_has(const struct host *h, const char *path)
{
	char full[PATH_MAX];

	full_path(h, path, full, sizeof(full));
	return access(full, F_OK) == 0;
}

static bool ends_word(char c)
{
	return c == '\0' || strchr(" \t\n,[]:", c);
}

bool host_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n)
		if ((at == text || ends_word(at[-1])) && ends_word(at[n]))
			return true;
	return false;
}

void host_chosen(const char *text, char *to, size_t size)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	if (close)
		snprintf(to, size, "%.*s", (int)(close - open - 1), open + 1);
	else
		snprintf(to, size, "%s", text);
}

bool host_field(const char *text, const char *name, uint64_t *out)
{
	size_t n = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) != 0)
			continue;
		line += n;
		line += strspn(line, ": \t");
		if (*line < '0' || *line > '9')
			return false;
		*out = strtoull(line, NULL, 10);
		return true;
	}
	return false;
}

unsigned host_release(const struct host *h)
{
	char text[64], *end;

	if (!host_line(h, "/proc/sys/kernel/osrelease", text, sizeof(text)))
		return 0;
	unsigned long major = strtoul(text, &end, 10);
	if (*end != '.' || major > 99)
		return 0;
	unsigned long minor = strtoul(end + 1, NULL, 10);
	return minor > 99 ? 0 : (unsigned)(major * 100 + minor);
}
