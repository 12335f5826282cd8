/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * inside - the way of the first process in the jail: from root in fresh namespaces to an
 * unprivileged user in an empty root, and then volt's parent.
 */
#ifndef JAIL_INSIDE_H
#define JAIL_INSIDE_H

#include "jail/command.h"
#include "jail/entries.h"
#include "jail/options.h"

/* Returns the exit status. `link` is a socket whose other end only the launcher has. */
int inside_run(const struct options *o, const struct command *c, struct entries *es, int link);

#endif
