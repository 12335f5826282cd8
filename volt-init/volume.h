/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * What lies on a block device: the type, UUID and label of its file system, and the UUID that a
 * partition table gives to a partition. Only the numbers that identify it are read.
 */
#ifndef VOLT_INIT_VOLUME_H
#define VOLT_INIT_VOLUME_H

#include <stdbool.h>

enum { VOLUME_UUID = 37, VOLUME_LABEL = 257 };

struct volume {
	const char *type; /* as mount(2) has it */
	char uuid[VOLUME_UUID], label[VOLUME_LABEL];
};

/* The file system on an open device or file; false if it is not one of those known. */
bool volume_read(int fd, struct volume *v);

/* The PARTUUID of partition `number` (from 1) of an open disk with a GPT, or with an MBR and its
 * disk signature, in small letters as Linux prints it. False if the disk has neither. */
bool volume_read_partition(int fd, unsigned number, char uuid[VOLUME_UUID]);

/* Does this volume have that name? Letters of a UUID may be of either case, those of a label not.
 */
bool volume_has_uuid(const struct volume *v, const char *uuid);
bool volume_has_label(const struct volume *v, const char *label);

#endif
