/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"
#include "text.h"

enum { MOUNTS_MAX = 128 };

static const struct {
	const char *type, *target, *options;
	mode_t mode;
	unsigned long flags;
} table[] = {
    {"proc", "/proc", "", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"sysfs", "/sys", "", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"devtmpfs", "/dev", "mode=0755", 0755, MS_NOSUID},
    {"devpts", "/dev/pts", "mode=0620,ptmxmode=0666", 0755, MS_NOSUID | MS_NOEXEC},
    {"tmpfs", "/dev/shm", "mode=1777", 01777, MS_NOSUID | MS_NODEV},
    {"tmpfs", "/run", "mode=0755", 0755, MS_NOSUID | MS_NODEV},
    {"tmpfs", "/tmp", "mode=1777", 01777, MS_NOSUID | MS_NODEV},
};

static const struct {
	const char *target, *path;
} links[] = {
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
};

void mounts_setup(void)
{
	umask(0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		mkdir(table[i].target, table[i].mode);
		/* EBUSY: the kernel did it, as with CONFIG_DEVTMPFS_MOUNT. */
		if (mount(table[i].type, table[i].target, table[i].type, table[i].flags,
			table[i].options) &&
		    errno != EBUSY)
			complain("cannot mount %s on %s: %s", table[i].type, table[i].target,
			    strerror(errno));
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		symlink(links[i].target, links[i].path);
	umask(022);
}

/* /proc/mounts writes blanks and backslashes in a path as three octal digits. */
static char *unescape(char *path)
{
	char *to = path;

	for (const char *at = path; *at; to++) {
		if (at[0] == '\\' && at[1] && at[2] && at[3]) {
			*to = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 4;
		} else {
			*to = *at++;
		}
	}
	*to = '\0';
	return path;
}

void mounts_release(void)
{
	static char text[32768];
	char *paths[MOUNTS_MAX];
	size_t count = 0;

	if (read_file("/proc/mounts", text, sizeof(text)) < 0)
		return;
	for (char *line = text; line && count < MOUNTS_MAX;) {
		char *end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		char *path = strchr(line, ' ');
		char *stop = path ? strchr(path + 1, ' ') : NULL;
		if (stop) {
			*stop = '\0';
			paths[count++] = unescape(path + 1);
		}
		line = end;
	}
	while (count--) {
		if (strcmp(paths[count], "/"))
			umount2(paths[count], MNT_DETACH);
	}
	mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
}
