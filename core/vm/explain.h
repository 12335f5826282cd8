/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * explain - the sealed machine on one page, without running it.
 */
#ifndef CORE_EXPLAIN_H
#define CORE_EXPLAIN_H

#include <errno.h>
#include <stdbool.h>

#include <volt/plugin.h>

#include "core/base/log.h"
#include "core/config.h"
#include "core/vm/vm.h"

#if VOLT_HAS_AUDIT

/* After declare_policy(): prints address map, lines, files, threads and who may call what
 * and why; as JSON if asked. 0, the exit code of output that was cut off, or -errno; said in the
 * log. */
int explain_print(const struct machine *m, bool json);

/* Writes one test of a rule, such as "fd 5" or "arg 1 0xae80", into `text`. */
void explain_test(const char *syscall, const struct volt_arg_test *t, char *text, unsigned size);

#if VOLT_HAS_JSON
int explain_print_json(const struct machine *m);
#else
static inline int explain_print_json(const struct machine *m)
{
	return log_error(ENOTSUP,
	    "--json: this volt was built without json-c (-Djson=disabled); volt explain prints the "
	    "same as text");
}
#endif

#else /* without volt explain */

static inline int explain_print(const struct machine *m, bool json)
{
	return 0; /* nobody can ask for it */
}

#endif

#endif
