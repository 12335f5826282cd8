/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * option_parse - reads the command line by the rows of options.h, and prints the help.
 */
#ifndef CORE_OPTION_PARSE_H
#define CORE_OPTION_PARSE_H

#include "core/vm/options.h"

/* The first plugin or filter that is given as NAME,help or as help alone, or NULL. */
const char *options_help_spec(const struct options *o);

/* The row of "--NAME" or "--NAME=VALUE", or NULL. */
const struct option_row *options_find(const char *typed);

#define OPTIONS_GO_ON (-1)

/* Parses. OPTIONS_GO_ON, or the exit code to end with: help was printed (0), or an
 * error was which is logged. */
int options_parse(struct options *o, int argc, char **argv);

#endif
