/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * calls - names and numbers of the system calls, as the kernel's headers had them when
 * the plugin was built. calls.py writes the table.
 */
#ifndef SANDBOX_CALLS_H
#define SANDBOX_CALLS_H

/* The number of x86-64, or -1. */
int call_number(const char *name);
/* NULL: none, or one newer than those headers. */
const char *call_name(int number);

#endif
