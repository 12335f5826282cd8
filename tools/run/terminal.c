/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static bool taken;

bool terminal_wanted(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

uint32_t terminal_size(void)
{
	struct winsize w;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_row == 0 || w.ws_col == 0)
		return 24 | 80u << 16;
	return w.ws_row | (uint32_t)w.ws_col << 16;
}

void terminal_take(void)
{
	struct termios now;

	if (!taken && tcgetattr(STDIN_FILENO, &before) != 0)
		return;
	now = before;
	cfmakeraw(&now);
	taken = tcsetattr(STDIN_FILENO, TCSADRAIN, &now) == 0;
}

void terminal_give_back(void)
{
	if (taken)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	taken = false;
}
