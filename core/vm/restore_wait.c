/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * restore_wait.c - a VM that has everything but its guest's clocks, until somebody needs it.
 *
 * The loop's thread waits outside of its filter, which forbids to set KVM's state, and inside of
 * all else that confines the process. No guest has run, and nothing but the socket is read.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/vm/identity.h"
#include "core/vm/snapshot.h"
#include "core/vm/vm.h"
#include "sdk/common/compat.h"

static const char ready[] = "ready\n";
static const char go[] = "go";

struct word {
	char text[sizeof(go) + VOLT_IDENTITY_BYTES + 1];
	size_t size;
};

/* The process ends, and its record tells why. */
static int end(struct machine *m, int code, const char *why)
{
	vm_end(&m->end, code, "%s while it waited for \"go\"", why);
	m->fail_code = code;
	log_info("%s", m->end.why);
	return -ECANCELED;
}

/* True: the VM is to end. A request for attention is for a guest that runs. */
static bool take_signal(struct machine *m, int *err)
{
	struct signalfd_siginfo info;
	char why[32] = "ended by SIG";

	if (read(m->events.signal_fd, &info, sizeof(info)) != sizeof(info) ||
	    info.ssi_signo == SIGUSR1)
		return false;
	const char *name = sigabbrev_np((int)info.ssi_signo);
	strncat(why, name ? name : "?", sizeof(why) - strlen(why) - 1);
	*err = end(m, EXIT_SIGNAL + (int)info.ssi_signo, why);
	return true;
}

/* One line. 0; 1: it has no end yet; or -errno. */
static int take_bytes(struct machine *m, struct word *w)
{
	const ssize_t n = recv(m->options->restore_wait, w->text + w->size,
	    sizeof(w->text) - 1 - w->size, MSG_DONTWAIT);

	if (n == 0)
		return end(m, EXIT_QUIT, "its socket was closed");
	if (n < 0)
		return errno == EAGAIN || errno == EINTR
			   ? 1
			   : log_error(errno, "--restore-wait: the socket cannot be read: %s",
				 strerror(errno));
	w->size += (size_t)n;
	w->text[w->size] = '\0';
	char *feed = strchr(w->text, '\n');
	if (feed)
		*feed = '\0';
	else if (w->size < sizeof(w->text) - 1)
		return 1;
	return 0;
}

static int read_line(struct machine *m, struct word *w)
{
	struct pollfd files[] = {
	    {.fd = m->options->restore_wait, .events = POLLIN},
	    {.fd = m->events.signal_fd, .events = POLLIN},
	};
	int err = 1;

	while (err == 1) {
		if (poll(files, 2, -1) < 0 && errno != EINTR)
			return log_error(errno, "--restore-wait: poll: %s", strerror(errno));
		if (files[1].revents != 0 && take_signal(m, &err))
			return err;
		if (files[0].revents != 0)
			err = take_bytes(m, w);
	}
	return err;
}

/* "go", or "go KEY=VALUE,...": *pairs is NULL, or them. */
static int parse_word(struct machine *m, const struct word *w, const char **pairs)
{
	*pairs = NULL;
	if (strcmp(w->text, go) == 0)
		return 0;
	if (strncmp(w->text, go, sizeof(go) - 1) == 0 && w->text[sizeof(go) - 1] == ' ') {
		*pairs = w->text + sizeof(go);
		return 0;
	}
	m->fail_code = EXIT_USAGE;
	return log_error(EINVAL,
	    "--restore-wait: \"%.40s\" came, which is not \"go\" or \"go KEY=VALUE,...\"", w->text);
}

int restore_wait(struct machine *m)
{
	const int fd = m->options->restore_wait;
	static struct word word;
	const char *pairs;

	/* Whoever has left already is noticed by the read. */
	send(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	int err = read_line(m, &word);
	if (err)
		return err;
	trace_mark("waited", NULL);
	err = parse_word(m, &word, &pairs);
	if (err)
		return err;
	m->fail_code = EXIT_HOST; /* of a state that KVM does not take, as without the wait */
	err = restore_kvm(m);
	if (err)
		return err;
	m->fail_code = EXIT_USAGE;
	err = identity_prepare(m, pairs ? pairs : m->options->identity);
	if (err)
		return err;
	m->fail_code = 0;
	/* Not closed: its number must not become that of another file. */
	shutdown(fd, SHUT_RDWR);
	return 0;
}
