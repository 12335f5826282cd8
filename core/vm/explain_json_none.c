/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * explain_json_none.c - for a build without json-c.
 */
#include <errno.h>

#include "core/base/log.h"
#include "core/vm/explain.h"

int explain_print_json(const struct machine *m)
{
	return log_error(ENOTSUP,
	    "--json: this volt was built without json-c (-Djson=disabled); volt explain prints the "
	    "same as text");
}
