/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cpu_file - the features that several hosts have in common, for volt --cpu.
 */
#ifndef TOOLS_DOCTOR_CPU_FILE_H
#define TOOLS_DOCTOR_CPU_FILE_H

#include <stdbool.h>

/* Prints the features that the hosts of all files have, or without a file those of this host as
 * `device` tells them. False: why was told on standard error. */
bool cpu_file_print(const char *device, char *const files[]);

#endif
