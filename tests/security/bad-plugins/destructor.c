/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Code that would run when the process ends.
 */
#include <unistd.h>

#include "plain.h"

__attribute__((destructor)) static void leave(void)
{
	_exit(0);
}

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
