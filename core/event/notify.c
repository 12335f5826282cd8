/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/log.h"

enum { MANAGER, LISTENER, CLIENT }; /* of NOTIFY_FILES */

#define READY_LINE "READY=1"
#define TEXT_MAX   255u /* of a client: systemd in a guest says more than that it is ready */

static struct {
	char *address; /* NOTIFY_SOCKET; NULL: there is no manager */
	int fds[NOTIFY_FILES];
	bool restored, looks_only;
	char text[TEXT_MAX + 1];
	size_t used;
} notify = {.fds = {-1, -1, -1}};

void notify_locate(void)
{
	const char *set = getenv("NOTIFY_SOCKET");

	notify.address = set ? strdup(set) : NULL;
}

/* sd_notify(3): a path, or after '@' a name in the abstract namespace. */
static socklen_t make_address(const char *text, struct sockaddr_un *to)
{
	const size_t n = strlen(text);

	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((text[0] != '/' && text[0] != '@') || n < 2 || n >= sizeof(to->sun_path))
		return 0;
	memcpy(to->sun_path, text, n);
	if (text[0] == '@')
		to->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (text[0] == '/'));
}

/* A VM runs without a manager that hears of it; the manager has a time limit of its own. */
static void connect_manager(void)
{
	struct sockaddr_un to;
	const socklen_t n = make_address(notify.address, &to);
	const int fd = n ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;

	if (n == 0)
		log_warn(
		    "NOTIFY_SOCKET=%s: cannot use it: neither a path nor @NAME", notify.address);
	else if (fd < 0 || connect(fd, (const struct sockaddr *)&to, n) != 0)
		log_warn(
		    "NOTIFY_SOCKET=%s: cannot connect to it: %s", notify.address, strerror(errno));
	else
		notify.fds[MANAGER] = fd;
	if (notify.fds[MANAGER] < 0 && fd >= 0)
		close(fd);
}

void notify_open(int ready_fd, bool restored, bool looks_only)
{
	notify.fds[LISTENER] = ready_fd;
	notify.restored = restored;
	notify.looks_only = looks_only;
	if (notify.address && !looks_only)
		connect_manager();
}

void notify_declare(struct ledger *l)
{
	ledger_file(l, notify.fds[MANAGER], "core", "service manager");
	ledger_file(l, notify.fds[LISTENER], "core", "ready socket");
}

void notify_list_fds(int fds[NOTIFY_FILES])
{
	memcpy(fds, notify.fds, sizeof(notify.fds));
}

void notify_set_fds(const int fds[NOTIFY_FILES])
{
	memcpy(notify.fds, fds, sizeof(notify.fds));
}

bool notify_wanted(void)
{
	return notify.fds[MANAGER] >= 0 || notify.fds[LISTENER] >= 0 ||
	       (notify.looks_only && notify.address);
}

static void drop(int which)
{
	if (notify.fds[which] >= 0)
		close(notify.fds[which]);
	notify.fds[which] = -1;
}

void notify_close(void)
{
	for (int i = 0; i < NOTIFY_FILES; i++)
		drop(i);
}

/* ------------------------------------------------------------------ in the helper */

/* A manager that does not read loses it, and the VM goes on. */
static void tell(const char *text)
{
	if (notify.fds[MANAGER] >= 0)
		(void)!send(notify.fds[MANAGER], text, strlen(text), MSG_NOSIGNAL);
}

static void hear_ready(void)
{
	tell(READY_LINE "\nSTATUS=The guest is ready.\n");
	log_line(VOLT_LOG_INFO, "the guest is ready");
	drop(CLIENT);
	drop(LISTENER);
}

/* A line counts when it is whole: at its line feed, or at the end of what the client says. */
static bool has_ready_line(bool at_end)
{
	const char *line = notify.text;

	for (const char *end; *line; line = end + 1) {
		end = strchrnul(line, '\n');
		if (*end == '\0' && !at_end)
			return false;
		if ((size_t)(end - line) == strlen(READY_LINE) &&
		    memcmp(line, READY_LINE, strlen(READY_LINE)) == 0)
			return true;
		if (*end == '\0')
			return false;
	}
	return false;
}

/* The newest client is heard, so that a silent one keeps nobody out. */
static void let_in(void)
{
	const int fd = accept4(notify.fds[LISTENER], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	drop(CLIENT);
	notify.fds[CLIENT] = fd;
	notify.used = 0;
}

static void hear(void)
{
	const ssize_t n =
	    read(notify.fds[CLIENT], notify.text + notify.used, TEXT_MAX - notify.used);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	notify.used += n > 0 ? (size_t)n : 0;
	notify.text[notify.used] = '\0';
	const bool at_end = n <= 0 || notify.used == TEXT_MAX;
	if (has_ready_line(at_end))
		hear_ready();
	else if (at_end)
		drop(CLIENT);
}

void notify_poll(struct pollfd *files)
{
	for (int i = 0; i < NOTIFY_FILES; i++)
		files[i] =
		    (struct pollfd){.fd = i == MANAGER ? -1 : notify.fds[i], .events = POLLIN};
}

void notify_take(const struct pollfd *files)
{
	if (files[CLIENT].revents)
		hear();
	if (files[LISTENER].revents && notify.fds[LISTENER] >= 0)
		let_in();
}

void notify_runs(void)
{
	if (notify.fds[LISTENER] >= 0 && !notify.restored)
		return tell("STATUS=The guest runs, and is not ready yet.\n");
	tell(READY_LINE "\nSTATUS=The guest runs.\n");
	drop(LISTENER);
}

void notify_stopping(void)
{
	drop(CLIENT);
	drop(LISTENER);
	tell("STOPPING=1\n");
}
