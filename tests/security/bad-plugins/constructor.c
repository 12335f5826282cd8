/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Code that would run before any check of the descriptor. It leaves a canary: the file
 * that $VOLT_CANARY names.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "plain.h"

__attribute__((constructor)) static void leave_canary(void)
{
	const char *path = getenv("VOLT_CANARY");

	if (path)
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
