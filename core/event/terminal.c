/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/terminal.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/event/helper.h"

const char terminal_help[] = "Ctrl-A x quits, Ctrl-A d asks the guest for its attention "
			     "(Ctrl-Alt-Del), Ctrl-A b sends a break, Ctrl-A a sends Ctrl-A";

enum terminal_action terminal_filter(bool *escape_seen, uint8_t byte)
{
	if (!*escape_seen && byte != TERMINAL_ESCAPE)
		return TERMINAL_PASS;
	if (!*escape_seen) {
		*escape_seen = true;
		return TERMINAL_SWALLOW;
	}
	*escape_seen = false;
	switch (byte) {
	case 'x':
		return TERMINAL_QUIT;
	case 'b':
		return TERMINAL_BREAK;
	case 'd':
		return TERMINAL_ATTENTION;
	case 'h':
	case '?':
		return TERMINAL_HELP;
	case 'a':
	case TERMINAL_ESCAPE:
		return TERMINAL_PASS_ESCAPE;
	default:
		return TERMINAL_SWALLOW;
	}
}

int terminal_take(bool raw_mode)
{
	struct termios old, raw;

	if (tcgetattr(STDIN_FILENO, &old) != 0)
		return log_error(errno, "cannot read the terminal's mode: %s", strerror(errno));
	raw = old;
	cfmakeraw(&raw);
	helper_restore_terminal(&old);
	if (raw_mode)
		helper_renew_terminal(&raw);
	int err = helper_start();
	if (err || !raw_mode)
		return err;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
		return log_error(errno, "cannot set the terminal's raw mode: %s", strerror(errno));
	log_set_raw(isatty(log_fd()));
	return 0;
}
