/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <errno.h>
#include <fcntl.h>
#include <sys/io.h>
#include <unistd.h>

#include "parts.h"

enum { DIRECT = 0 }; /* no file can have this descriptor: standard input has it */

/* A kernel without CONFIG_X86_IOPL_IOPERM may still have /dev/port. */
int port_open(unsigned short port)
{
	if (!ioperm(port, 1, 1))
		return DIRECT;
	int fd = open("/dev/port", O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void port_write(int handle, unsigned short port, unsigned char value)
{
	if (handle == DIRECT)
		outb(value, port);
	else
		pwrite(handle, &value, 1, port);
}
