/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/feature.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "core/base/log.h"
#include "core/config.h"

static const char *const built[] = {VOLT_FEATURES NULL};

bool feature_built(const char *name)
{
	for (unsigned i = 0; built[i]; i++)
		if (strcmp(built[i], name) == 0)
			return true;
	return false;
}

int feature_refuse(const char *what, const char *name)
{
	return log_error(ENOTSUP, "%s: this volt was built without it (needs -D%s)", what, name);
}
