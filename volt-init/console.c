/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "parts.h"
#include "text.h"

bool console_open(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);
	const bool found = fd >= 0;

	if (!found)
		fd = open("/dev/null", O_RDWR);
	if (fd < 0)
		return false;
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	return found;
}

/* The terminal behind /dev/console, which itself can never be a controlling one. */
static int open_terminal(void)
{
	char name[128], path[160];
	long len = read_file("/sys/class/tty/console/active", name, sizeof(name));

	if (len <= 0)
		return -1;
	name[strcspn(name, "\n")] = '\0';
	const char *last = strrchr(name, ' ');
	text_format(path, sizeof(path), "/dev/%s", last ? last + 1 : name);
	return open(path, O_RDWR | O_NOCTTY);
}

void console_take(void)
{
	int fd;

	setsid();
	fd = open_terminal();
	if (fd < 0)
		return;
	if (!ioctl(fd, TIOCSCTTY, 1)) {
		for (int i = 0; i < 3; i++)
			dup2(fd, i);
	}
	if (fd > 2)
		close(fd);
}
