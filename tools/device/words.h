/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * words - the command line of volt-device.
 */
#ifndef DEVICE_WORDS_H
#define DEVICE_WORDS_H

#include <stdbool.h>

#define WORDS_GO_ON (-1)

struct words {
	const char *socket, *plugin; /* "PATH" or "fd:N"; "NAME[,KEY=VALUE...]" */
	const char *plugin_dir;      /* NULL: where volt was installed */
	bool no_sandbox;
};

/* WORDS_GO_ON, or the exit code: something is wrong, which is logged, or was printed. */
int words_parse(struct words *w, int argc, char **argv);

#endif
