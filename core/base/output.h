/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * output - the end of what a command prints on standard output.
 */
#ifndef CORE_OUTPUT_H
#define CORE_OUTPUT_H

#include <stdbool.h>

/* Writes what is left in the buffer. `cut`: a printf() failed before. EXIT_POWEROFF (0), or
 * EXIT_RESOURCES when the output was cut off, which is logged. */
int output_end(bool cut);

#endif
