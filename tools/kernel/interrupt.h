/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * interrupt - ends work that has begun something on the disk, and lets it clean up.
 *
 * A signal that would end the program is noted instead. Whatever takes long looks for it, and
 * fails; so the way out is that of any other failure, and main() then ends by the signal.
 */
#ifndef TOOLS_KERNEL_INTERRUPT_H
#define TOOLS_KERNEL_INTERRUPT_H

#include <sys/types.h>

/* From now on, until one comes: SIGHUP, SIGINT, SIGQUIT and SIGTERM, but those that the
 * program was started to ignore. A second one of the same kind ends the program at once. */
void interrupt_catch(void);

/* The signal that came, or 0. */
int interrupt_came(void);

/* fork(). A signal goes to the child as well, whenever it comes, and ends it as it ends others;
 * until the child was waited for, which is then to be told. */
pid_t interrupt_fork(void);
void interrupt_child_is_gone(void);

/* Ends the program as the signal would have. */
_Noreturn void interrupt_end(void);

#endif
