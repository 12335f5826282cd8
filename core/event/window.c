/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/window.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

/* True: it is known, and another one than before. A terminal that was told none has 0 and 0. */
static bool look(struct streams *all)
{
	struct winsize w;

	if (ioctl(all->window->in_fd, TIOCGWINSZ, &w) != 0 || w.ws_col == 0 || w.ws_row == 0)
		return false;
	if (w.ws_col == all->columns && w.ws_row == all->rows)
		return false;
	all->columns = w.ws_col;
	all->rows = w.ws_row;
	return true;
}

int window_size(struct stream *s, uint16_t *columns, uint16_t *rows)
{
	struct streams *all = s->all;

	if (!s->terminal)
		return -ENOTTY;
	if (!all->window && !all->window_watched) {
		all->window = s;
		look(all);
	}
	if (all->columns == 0)
		return -ENOTTY;
	*columns = all->columns;
	*rows = all->rows;
	return 0;
}

static void on_signal(void *arg)
{
	struct streams *all = arg;

	if (look(all))
		all->resized = true;
}

/* A paused VM hears of it when it goes on. */
static void tell(void *arg)
{
	struct streams *all = arg;

	if (!all->resized || (all->loop->held && !all->window->owner->always))
		return;
	all->resized = false;
	stream_tell(all->window, VOLT_STREAM_RESIZED);
}

int window_watch(struct streams *all)
{
	all->window_watched = true;
	if (!all->window)
		return 0;
	const int err = loop_add_prepare(all->loop, tell, all);

	return err ? err : events_take(all->events, SIGWINCH, on_signal, all);
}

void window_declare(const struct streams *all, struct ledger *l)
{
	const struct volt_arg_test size = ledger_request(TIOCGWINSZ);

	if (all->window)
		ledger_allow(l, ledger_on(all->window->in_fd, all->window->owner->id), LEDGER_LOOP,
		    "ioctl", &size, "asks how large the terminal is");
}
