/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * caps - the capabilities of this process: caps_libcap.c by libcap, caps.c by system calls.
 * Each returns -1 with errno if it fails.
 */
#ifndef SANDBOX_CAPS_H
#define SANDBOX_CAPS_H

/* 1 if CAP_SETPCAP is permitted, which is then in effect as well; else 0. */
int caps_may_set(void);
/* Empties the effective, permitted and inheritable set. */
int caps_clear(void);
int caps_clear_ambient(void);
/* EINVAL: the kernel knows no capability of that number. */
int caps_drop_bounding(unsigned number);
/* 1, 0, or -1 for a number that the kernel does not know. */
int caps_in_bounding(unsigned number);
int caps_set_securebits(unsigned bits);

#endif
