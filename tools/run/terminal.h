/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * terminal - the terminal that a command is typed at.
 */
#ifndef TOOLS_RUN_TERMINAL_H
#define TOOLS_RUN_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the command gets a terminal of its own: standard input and output are one here. */
bool terminal_wanted(void);
/* Rows, and columns above them, as the agent has it in one number; 24 and 80 if none are told. */
uint32_t terminal_size(void);
/* Keys go to the command from now on. */
void terminal_take(void);
void terminal_give_back(void);

#endif
