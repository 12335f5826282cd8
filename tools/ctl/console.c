/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * console.c - volt console: a terminal, or pipes, on the console of a VM.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tools/ctl/connection.h"
#include "tools/ctl/verbs.h"

#define DETACH 0x1d /* Ctrl-] */

enum outcome { GO_ON, DETACHED, CLOSED, BROKEN_OUTPUT };

struct session {
	int vm;      /* socket */
	bool typing; /* standard input may have more */
	bool terminal;
};

static struct termios old;
static volatile sig_atomic_t raw, hung_up;

static void restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &old);
	raw = 0;
}

static void on_signal(int number)
{
	hung_up = number;
}

/* Ctrl-C and its like go to the guest. */
static void take_terminal(void)
{
	struct sigaction end = {.sa_handler = on_signal};
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &old) != 0)
		return;
	now = old;
	cfmakeraw(&now);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	raw = 1;
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

static bool write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		const ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR && !hung_up)
			continue;
		if (done <= 0)
			return false;
		bytes += done;
		n -= (size_t)done;
	}
	return true;
}

static enum outcome type(struct session *s)
{
	char bytes[4096];
	const ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n <= 0) {
		s->typing = n < 0 && errno == EINTR;
		return s->terminal && !s->typing ? DETACHED : GO_ON;
	}
	const char *detach = s->terminal ? memchr(bytes, DETACH, (size_t)n) : NULL;
	const size_t count = detach ? (size_t)(detach - bytes) : (size_t)n;
	if (!write_all(s->vm, bytes, count))
		return CLOSED;
	return detach ? DETACHED : GO_ON;
}

static enum outcome show(const struct session *s)
{
	char bytes[16384];
	const ssize_t n = read(s->vm, bytes, sizeof(bytes));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return GO_ON;
	if (n <= 0)
		return CLOSED;
	return write_all(STDOUT_FILENO, bytes, (size_t)n) ? GO_ON : BROKEN_OUTPUT;
}

static enum outcome talk(struct session *s)
{
	enum outcome outcome = GO_ON;

	while (outcome == GO_ON && !hung_up) {
		struct pollfd files[] = {{.fd = s->vm, .events = POLLIN},
		    {.fd = s->typing ? STDIN_FILENO : -1, .events = POLLIN}};

		if (poll(files, 2, -1) < 0)
			continue;
		if (files[0].revents)
			outcome = show(s);
		if (outcome == GO_ON && files[1].revents)
			outcome = type(s);
	}
	return outcome;
}

static int attach(const struct vm *v, struct connection *c)
{
	struct session s = {
	    .vm = c->fd, .typing = true, .terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};

	connection_be_patient(c);
	signal(SIGPIPE, SIG_IGN);
	if (s.terminal) {
		fprintf(stderr, "console of %s: Ctrl-] detaches\n", v->name);
		take_terminal();
	}
	const enum outcome outcome = talk(&s);
	restore();
	if (s.terminal)
		fprintf(stderr, "\n%s: %s\n", v->name,
		    outcome == CLOSED ? "the VM has ended" : "detached");
	if (outcome == BROKEN_OUTPUT)
		fprintf(stderr, "volt console: cannot write the output: %s\n", strerror(errno));
	return outcome == BROKEN_OUTPUT ? CTL_OUTPUT : CTL_DONE;
}

int verb_console(const struct verb_request *r)
{
	struct connection c;
	struct vm v;
	int code = verb_open_running(r, &v, r->names[0]);

	if (code != CTL_DONE)
		return code;
	const int err = connection_open(&c, vm_text(&v, "console"), r->timeout);
	if (err) {
		fprintf(stderr, "volt console: %s: cannot reach its console: %s%s\n", v.name,
		    strerror(-err),
		    err == -ENOENT ? "; no device of it has a stream on standard input and output"
				   : "");
		code = CTL_UNREACHED;
	} else {
		code = attach(&v, &c);
		connection_close(&c);
	}
	vm_close(&v);
	return code;
}
