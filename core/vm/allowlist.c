/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/allowlist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <volt/plugin.h>

#include "core/base/log.h"

#define ROW_MAX        512
#define LINE_MAX_BYTES 255u
#define ALL_ROLES      ((1u << VOLT_ROLE_COUNT) - 1)

static const char *const role_names[VOLT_ROLE_COUNT + 1] = {"loop", "vcpu", "worker", NULL};

static struct {
	bool loaded;
	uint32_t count;
	struct {
		char syscall[32];
		uint32_t roles;
	} rows[ROW_MAX];
} allowlist;

const char *allowlist_role_name(uint32_t role)
{
	return role < VOLT_ROLE_COUNT ? role_names[role] : "unknown";
}

static int parse_roles(const char *path, unsigned number, char *rest, uint32_t *roles)
{
	*roles = 0;
	for (char *state, *word = strtok_r(rest, " \t", &state); word;
	     word = strtok_r(NULL, " \t", &state)) {
		uint32_t role = 0;

		while (role < VOLT_ROLE_COUNT && strcmp(word, role_names[role]) != 0)
			role++;
		if (role == VOLT_ROLE_COUNT)
			return log_error(EINVAL,
			    "--allowlist %s: line %u: \"%s\" is not a kind of thread: use loop, "
			    "vcpu "
			    "or "
			    "worker",
			    path, number, word);
		*roles |= 1u << role;
	}
	if (*roles == 0)
		*roles = ALL_ROLES;
	return 0;
}

static int parse_line(const char *path, unsigned number, char *line)
{
	if (strcspn(line, "\n") > LINE_MAX_BYTES)
		return log_error(EINVAL, "--allowlist %s: line %u is longer than %u bytes", path,
		    number, LINE_MAX_BYTES);
	line[strcspn(line, "#\n")] = '\0';
	line += strspn(line, " \t");
	size_t n = strcspn(line, " \t");
	if (n == 0)
		return 0;
	if (n >= sizeof(allowlist.rows[0].syscall) ||
	    strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_") < n)
		return log_error(EINVAL,
		    "--allowlist %s: line %u: \"%.*s\" is not the name of a system call", path,
		    number, (int)n, line);
	if (allowlist.count == ROW_MAX)
		return log_error(ENOSPC, "--allowlist %s: more than %u lines", path, ROW_MAX);
	snprintf(allowlist.rows[allowlist.count].syscall, sizeof(allowlist.rows[0].syscall), "%.*s",
	    (int)n, line);
	return parse_roles(path, number, line + n, &allowlist.rows[allowlist.count++].roles);
}

static int parse_lines(const char *path, FILE *f)
{
	char line[LINE_MAX_BYTES + 2];

	for (unsigned number = 1; fgets(line, sizeof(line), f); number++) {
		const int err = parse_line(path, number, line);

		if (err)
			return err;
	}
	return ferror(f) ? log_error(EIO, "--allowlist %s: cannot be read", path) : 0;
}

int allowlist_load(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (!f)
		return log_error(
		    errno, "--allowlist %s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		fclose(f);
		return log_error(EINVAL, "--allowlist %s: is not a regular file", path);
	}
	allowlist.loaded = true;
	const int err = parse_lines(path, f);
	fclose(f);
	return err;
}

bool allowlist_has(const char *syscall, uint32_t role)
{
	for (uint32_t i = 0; i < allowlist.count; i++)
		if (strcmp(allowlist.rows[i].syscall, syscall) == 0 &&
		    (allowlist.rows[i].roles & (1u << role)) != 0)
			return true;
	return !allowlist.loaded;
}
