/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * exitcode - how volt tells its caller what happened; volt(1) prints this table.
 */
#ifndef CORE_EXITCODE_H
#define CORE_EXITCODE_H

#define EXIT_POWEROFF  0   /* the guest turned itself off */
#define EXIT_USAGE     100 /* an option is wrong */
#define EXIT_INPUT     101 /* kernel, initrd, command line or another file refused */
#define EXIT_PLUGIN    102 /* a plugin or one of its parameters refused */
#define EXIT_HOST      103 /* the host lacks something */
#define EXIT_RESOURCES 104 /* out of memory or file descriptors */
#define EXIT_SEAL      105 /* the sandbox could not be entered */
#define EXIT_KVM       106 /* KVM cannot go on with this guest */
#define EXIT_RESET     110 /* the guest asked for a reset */
#define EXIT_TRIPLE    111 /* the guest's CPU shut down (triple fault) */
#define EXIT_PANIC     112 /* the guest reported a panic */
#define EXIT_QUIT      113 /* the operator quit at the terminal */
#define EXIT_SIGNAL    128 /* plus the number of the signal */

#endif
