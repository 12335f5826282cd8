/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/event/end_record.h"
#include "core/event/notify.h"
#include "core/event/reporter.h"
#include "sdk/common/compat.h"

#define PATH_COUNT 32
#define WAIT_MS    25  /* for a record that may come */
#define LOOK_MS    200 /* between two looks whether volt is in the foreground again */
#define FINISH_S   2   /* for the orderly end, if the process does not answer */

static struct {
	int fd;
	bool terminal, follow, reporter, wanted, renew;
	bool has_flags[3];
	int flags[3];
	struct termios old, raw;
	char *paths[PATH_COUNT];
	unsigned path_count;
} helper = {.fd = -1};

void helper_restore_terminal(const struct termios *old)
{
	helper.old = *old;
	helper.terminal = true;
}

void helper_renew_terminal(const struct termios *raw)
{
	helper.raw = *raw;
	helper.renew = true;
}

void helper_restore_flags(int fd, int flags)
{
	helper.has_flags[fd] = true;
	helper.flags[fd] = flags;
}

int helper_unlink_at_end(const char *path)
{
	char *whole = realpath(path, NULL);

	if (!whole || helper.path_count == PATH_COUNT)
		return -ENOMEM;
	helper.paths[helper.path_count++] = whole;
	return 0;
}

/* Does nothing without a charge, so that it is safe to call under any filter. */
static void tidy(void)
{
	if (helper.terminal) {
		signal(SIGTTOU, SIG_IGN); /* volt may no longer be in the foreground */
		tcsetattr(STDIN_FILENO, TCSANOW, &helper.old);
	}
	/* A description shared by two is charged once, by the first that saw it blocking. */
	for (int fd = 2; fd >= 0; fd--)
		if (helper.has_flags[fd])
			fcntl(fd, F_SETFL, helper.flags[fd]);
	for (unsigned i = 0; i < helper.path_count; i++)
		unlink(helper.paths[i]);
}

enum {
	PAIR = STDERR_FILENO + 1,
	KERNEL_LOG,
	OWN_LOG,
	LOG_COPY,
	RECORD,
	NOTIFY = RECORD + END_RECORD_FILES,
	FIRST_OTHER = NOTIFY + NOTIFY_FILES,
	FILES = FIRST_OTHER - PAIR
};

/* As dup2(), which a container's filter may refuse: a helper that then waited for another file
 * would outlive volt and hold its standard error. Ends a helper that cannot have its files. */
static void put_at(int fd, int number)
{
	if (fd == number || dup2(fd, number) == number)
		return;
	close(number);
	if (fcntl(fd, F_DUPFD, number) != number)
		_exit(1);
}

/* Leaves only what the helper uses, under the numbers above. They are the lowest free
 * ones, so a low limit of descriptors does no harm: what lies there goes out of the way
 * first. */
static void move_files(int pair)
{
	int from[FILES] = {pair, reporter_fd(), log_fd(), log_copy_fd()}, kept[FILES];

	end_record_list_fds(from + RECORD - PAIR);
	notify_list_fds(from + NOTIFY - PAIR);
	for (int i = 0; i < FILES; i++)
		while (from[i] >= PAIR && from[i] < FIRST_OTHER && from[i] != PAIR + i) {
			int target = from[i];

			from[i] = dup(target);
			if (from[i] < 0)
				from[i] = target;
			if (from[i] == target)
				break;
		}
	for (int i = 0; i < FILES; i++)
		if (from[i] >= 0)
			put_at(from[i], PAIR + i);
		else
			close(PAIR + i);
	for (int i = 0; i < FILES; i++)
		kept[i] = from[i] >= 0 ? PAIR + i : -1;
	end_record_set_fds(kept + RECORD - PAIR);
	notify_set_fds(kept + NOTIFY - PAIR);
	if (open_files_close(FIRST_OTHER, UINT_MAX) != 0)
		_exit(1);
	log_set_fd(OWN_LOG);
	log_move_copy(LOG_COPY);
}

static volatile sig_atomic_t continued;

static void on_continue(int number)
{
	continued = 1;
}

/* A shell's fg gives volt's group the terminal, then sends it SIGCONT; after bg, and in the hands
 * of the shell, the terminal is not volt's to change. */
static void renew_terminal(void)
{
	if (tcgetpgrp(STDIN_FILENO) != getpgrp())
		return;
	continued = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &helper.raw);
}

/* Waits for any of `files`, with SIGCONT let through meanwhile. Where that is refused, the pair is
 * taken for ready: to read it waits for volt's end. */
static void wait_for_files(struct pollfd *files, nfds_t count)
{
	const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
	sigset_t blocked;

	sigfillset(&blocked);
	sigdelset(&blocked, SIGCONT);
	for (nfds_t i = 0; i < count; i++)
		files[i].revents = 0;
	if (ppoll(files, count, continued ? &look : NULL, &blocked) < 0 && errno != EINTR)
		files[0].revents = POLLIN;
	if (continued && helper.renew)
		renew_terminal();
}

/* What volt said before it went; without a record it says one byte. */
static bool read_note(struct end_note *note)
{
	return read(PAIR, note, sizeof(*note)) > 0;
}

/* Follows the kernel's log in log mode, until the pair says that volt is gone. */
static bool wait_for_end(pid_t volt, struct end_note *note)
{
	struct pollfd files[2 + NOTIFY_FILES] = {{.fd = PAIR, .events = POLLIN},
	    {.fd = helper.follow ? KERNEL_LOG : -1, .events = POLLIN}};
	struct sigaction renew = {.sa_handler = on_continue};

	if (helper.renew)
		sigaction(SIGCONT, &renew, NULL);
	for (;;) {
		notify_poll(files + 2);
		wait_for_files(files, 2 + NOTIFY_FILES);
		notify_take(files + 2);
		if (files[1].revents != 0)
			reporter_report(KERNEL_LOG, volt, false);
		if (files[0].revents == 0)
			continue;
		const bool said = read_note(note);
		if (!said || note->kind != END_KIND_NONE)
			return said;
		notify_runs();
	}
}

/* The record comes a moment after the death, from a thread of the kernel. */
static void explain_death(pid_t volt, int signal_number)
{
	unsigned found = 0;

	if (signal_number != 0 && signal_number != SIGSYS) {
		log_line(VOLT_LOG_ERROR, "volt (process %d) was killed by signal %d", (int)volt,
		    signal_number);
		return;
	}

	for (int i = 0; found == 0 && i < 20; i++) {
		poll(NULL, 0, WAIT_MS);
		found = reporter_report(KERNEL_LOG, volt, true);
	}
	if (found == 0)
		log_line(VOLT_LOG_ERROR,
		    "volt (process %d) was killed, and the kernel's log has no seccomp record "
		    "of it: something outside killed it, the record is in the audit log "
		    "(ausearch -m SECCOMP), or the kernel's rate limit dropped it",
		    (int)volt);
}

/* Records come a moment after the call; some while volt ends. */
static void report_rest(pid_t volt)
{
	for (int i = 0; i < 4; i++) {
		poll(NULL, 0, WAIT_MS);
		reporter_report(KERNEL_LOG, volt, false);
	}
}

/* Only reads to learn of volt's end: bytes are at most copied into the record, as text and numbers
 * of a bounded size, so nothing can be asked. */
static _Noreturn void keep(int pair, pid_t volt)
{
	static struct end_note note;
	bool watched = reporter_fd() >= 0;
	sigset_t all;

	sigfillset(&all); /* Ctrl-C and a hang-up reach volt's whole group */
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "volt-helper");
	move_files(pair);
	const bool orderly = wait_for_end(volt, &note);
	notify_stopping();
	const int killer = orderly ? 0 : end_record_signal(volt);
	tidy();
	if (!orderly && watched)
		explain_death(volt, killer);
	else if (helper.follow)
		report_rest(volt);
	end_record_write(orderly ? &note : NULL, killer);
	_exit(0);
}

void helper_want(void)
{
	helper.wanted = true;
}

void helper_reporter(bool follow)
{
	helper.reporter = true;
	helper.follow = follow;
}

static bool has_charge(void)
{
	return helper.terminal || helper.has_flags[0] || helper.has_flags[1] ||
	       helper.has_flags[2] || helper.path_count > 0 || helper.reporter || helper.wanted ||
	       end_record_wanted() || notify_wanted();
}

int helper_start(void)
{
	const struct timeval limit = {.tv_sec = FINISH_S};
	int pair[2];

	if (!has_charge())
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return log_error(errno, "cannot make a socket pair: %s", strerror(errno));
	/* Before there is a child, which would take an end by this error for a kill. */
	if (setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0)
		return log_error(
		    errno, "cannot limit the wait for volt-helper: %s", strerror(errno));
	pid_t volt = getpid(), child = _Fork(); /* no handler of fork() has to run */
	if (child < 0)
		return log_error(errno, "cannot start the process that restores the terminal: %s",
		    strerror(errno));
	if (child == 0) {
		close(pair[0]);
		keep(pair[1], volt);
	}
	close(pair[1]);
	reporter_close();
	end_record_close();
	notify_close();
	helper.fd = pair[0];
	return 0;
}

int helper_fd(void)
{
	return helper.fd;
}

void helper_declare(struct ledger *l)
{
	const struct ledger_block pair = ledger_file(l, helper.fd, "core", "helper");

	ledger_allow(l, pair, LEDGER_LOOP, "write", NULL, "calls the helper");
	ledger_allow(l, pair, LEDGER_LOOP, "read", NULL, "waits for the helper");
}

void helper_tell_running(void)
{
	static const struct end_note note = {.kind = END_KIND_NONE};

	/* Who is not heard is dead, and the VM goes on without. */
	if (VOLT_HAS_OPERATE && helper.fd >= 0)
		(void)!write(helper.fd, &note, sizeof(note));
}

void helper_finish(const struct end_note *note)
{
	static const struct end_note none;
	char byte = 0;
	ssize_t n;

	if (!note)
		note = &none;
	if (helper.fd < 0) {
		tidy();
		end_record_write(note, 0);
		return;
	}
	/* The end of file is the answer that all is tidied. A process that
	 * was stopped, or that cannot go on, is not waited for. */
	if (write(helper.fd, note, sizeof(*note)) != sizeof(*note))
		return;
	while ((n = read(helper.fd, &byte, 1)) < 0 && errno == EINTR)
		continue;
	if (n < 0 && errno == EAGAIN)
		log_warn(
		    "volt-helper does not answer: the terminal's mode and sockets stay as they "
		    "are until it goes on");
}
