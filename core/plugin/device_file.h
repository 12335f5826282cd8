/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * device_file - what parameters of type DISK, TAP and SOCKET become.
 */
#ifndef CORE_DEVICE_FILE_H
#define CORE_DEVICE_FILE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <volt/plugin.h>

#include "core/config.h"
#include "sdk/common/params.h"

#if VOLT_HAS_DEVICE_FILES

/* Each fills *value as volt/plugin.h says. 0, or -errno with the reason in `why`. */
int device_file_disk(const char *path, bool read_only, bool direct, struct volt_value *value,
    char *why, size_t size);
int device_file_tap(
    const char *text, unsigned queues, struct volt_value *value, char *why, size_t size);
int device_file_socket(const char *text, struct volt_value *value, char *why, size_t size);

/* The number of "fd:N", an inherited descriptor, or -1. */
int device_file_number(const char *text);
/* How many descriptors parameter number `v` has, from its .fd on. */
#define device_file_count(plugin, values, v) params_file_count(plugin, values, v)
/* The numbers behind each "=fd:" of a plugin's words, above 2 and at most `max` of them; "N-M" are
 * all from N to M. Returns how many. */
size_t device_file_list_numbers(const char *words, int *fds, size_t max);

#else /* none of the plugins has such parameters */

static inline int device_file_refuse(char *why, size_t size)
{
	snprintf(why, size, "this volt was built without disks, taps and sockets");
	return -ENOTSUP;
}

static inline int device_file_disk(
    const char *path, bool read_only, bool direct, struct volt_value *value, char *why, size_t size)
{
	return device_file_refuse(why, size);
}

static inline int device_file_tap(
    const char *text, unsigned queues, struct volt_value *value, char *why, size_t size)
{
	return device_file_refuse(why, size);
}

static inline int device_file_socket(
    const char *text, struct volt_value *value, char *why, size_t size)
{
	return device_file_refuse(why, size);
}

static inline int device_file_number(const char *text)
{
	return -1;
}

#define device_file_count(plugin, values, v) ((values)[v].fd >= 0 ? 1u : 0u)

static inline size_t device_file_list_numbers(const char *words, int *fds, size_t max)
{
	return 0;
}

#endif

#endif
