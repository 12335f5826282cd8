/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * say - one line for every failure, and the exit code that goes with it. The numbers mean what
 * volt's own mean; volt-jail(8) prints the table.
 */
#ifndef JAIL_SAY_H
#define JAIL_SAY_H

#define JAIL_USAGE     100 /* an option is wrong */
#define JAIL_INPUT     101 /* a file named by the operator is refused */
#define JAIL_PROGRAM   102 /* volt, its plugin folder or a library cannot be used */
#define JAIL_HOST      103 /* the host lacks something */
#define JAIL_RESOURCES 104 /* out of memory or file descriptors */
#define JAIL_STEP      105 /* setting up the jail failed */
#define JAIL_SIGNAL    128 /* plus the number of the signal */

/*
 * Prints "volt-jail: ..." on standard error and returns `code`. Functions of the jail return 0
 * or such a code, and whoever knows the cause has printed it by then.
 */
int complain(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* JAIL_RESOURCES if errno says that something ran out, else `code`. */
int complain_code(int code);

#endif
