/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * device_file_none.c - for a build none of whose plugins has parameters of type DISK, TAP or
 * SOCKET. One that has them and does not say so in its meson.build is refused.
 */
#include <errno.h>
#include <stdio.h>

#include "core/plugin/device_file.h"

static int refuse(char *why, size_t size)
{
	snprintf(why, size, "this volt was built without disks, taps and sockets");
	return -ENOTSUP;
}

int device_file_disk(
    const char *path, bool read_only, bool direct, struct volt_value *value, char *why, size_t size)
{
	return refuse(why, size);
}

int device_file_tap(const char *text, struct volt_value *value, char *why, size_t size)
{
	return refuse(why, size);
}

int device_file_socket(const char *text, struct volt_value *value, char *why, size_t size)
{
	return refuse(why, size);
}

int device_file_number(const char *text)
{
	return -1;
}

size_t device_file_list_numbers(const char *words, int *fds, size_t max)
{
	return 0;
}
