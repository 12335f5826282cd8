/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "agent_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "protocol.h"

enum { HEAD = 12, WORDS_MAX = 512, FILES_MAX = 64 };

struct request {
	uint32_t flags;
	struct winsize size;
	const char *folder;
	char *words[WORDS_MAX + 2]; /* arguments, NULL, environment, NULL */
	char **env;
};

static unsigned get16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

/* The next string; NULL: none that ends. */
static char *take(uint8_t **at, uint32_t *left)
{
	uint8_t *end = memchr(*at, 0, *left);
	char *text = (char *)*at;

	if (!end)
		return NULL;
	*left -= (uint32_t)(end + 1 - *at);
	*at = end + 1;
	return text;
}

static bool parse(struct request *r, uint8_t *p, uint32_t n)
{
	if (n < HEAD)
		return false;
	const unsigned args = get16(p + 8), vars = get16(p + 10);
	uint8_t *at = p + HEAD;
	uint32_t left = n - HEAD;
	char **word = r->words;

	r->flags = get16(p);
	r->size = (struct winsize){
	    .ws_row = (unsigned short)get16(p + 4), .ws_col = (unsigned short)get16(p + 6)};
	r->folder = take(&at, &left);
	if (!r->folder || args == 0 || args + vars > WORDS_MAX)
		return false;
	for (unsigned i = 0; i < args; i++)
		if (!(*word++ = take(&at, &left)))
			return false;
	*word++ = NULL;
	r->env = word;
	for (unsigned i = 0; i < vars; i++)
		if (!(*word++ = take(&at, &left)))
			return false;
	*word = NULL;
	return left == 0;
}

/* ------------------------------------------------------------------ the child */

/* As a shell says it: 126 what is there and cannot run, 127 what is not there. */
static void fail(const char *what)
{
	const int err = errno;
	const char *why = strerror(err);

	write(STDERR_FILENO, what, strlen(what));
	write(STDERR_FILENO, ": ", 2);
	write(STDERR_FILENO, why, strlen(why));
	write(STDERR_FILENO, "\n", 1);
	_exit(err == ENOENT ? 127 : 126);
}

/* Octal, up to the first other character; strtoul() weighs more than the agent's framing. */
static mode_t mode_of(const char *digits)
{
	mode_t mode = 0;

	for (; *digits >= '0' && *digits <= '7'; digits++)
		mode = mode * 8 + (mode_t)(*digits - '0');
	return mode & 07777;
}

static void copy_file(const struct request *r)
{
	const bool in = r->flags & AGENT_FILE_IN;
	const mode_t mode = r->words[1] ? mode_of(r->words[1]) : 0644;
	const int fd = in ? open(r->words[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
			  : open(r->words[0], O_RDONLY | O_CLOEXEC);
	char bytes[4096];
	ssize_t n;

	if (fd < 0)
		fail(r->words[0]);
	while ((n = read(in ? STDIN_FILENO : fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t done = 0, part; done < n; done += part) {
			part = write(in ? fd : STDOUT_FILENO, bytes + done, (size_t)(n - done));
			if (part <= 0)
				fail(r->words[0]);
		}
	if (n < 0 || (in && (fchmod(fd, mode) || close(fd))))
		fail(r->words[0]);
	_exit(0);
}

static void be_child(const struct request *r, const int fds[3])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	for (int fd = 3; fd < FILES_MAX; fd++) /* most important: the other ends of its own pipes */
		close(fd);
	if (r->flags & AGENT_PTY)
		ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	if (*r->folder && chdir(r->folder))
		fail(r->folder);
	if (r->flags & (AGENT_FILE_IN | AGENT_FILE_OUT))
		copy_file(r);
	for (char **e = r->env; *e; e++)
		putenv(*e);
	execvp(r->words[0], r->words);
	fail(r->words[0]);
}

/* ---------------------------------------------------------------- its streams */

static bool open_pty(struct agent_child *c, const struct request *r, int fds[3])
{
	const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || unlockpt(master))
		return false;
	const int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0)
		return false;
	ioctl(master, TIOCSWINSZ, &r->size);
	fds[0] = fds[1] = fds[2] = slave;
	c->input = c->output = master;
	c->errors = -1;
	return true;
}

static bool open_pipes(struct agent_child *c, int fds[3])
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return false;
	fds[0] = in[0];
	fds[1] = out[1];
	fds[2] = err[1];
	c->input = in[1];
	c->output = out[0];
	c->errors = err[0];
	return true;
}

static void never_block(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

const char *agent_child_start(struct agent_child *c, uint8_t *request, uint32_t n)
{
	static struct request r;
	sigset_t ends;
	int fds[3];

	if (!parse(&r, request, n))
		return "the request is malformed";
	c->pty = r.flags & AGENT_PTY;
	if (!(c->pty ? open_pty(c, &r, fds) : open_pipes(c, fds)))
		return strerror(errno);
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	c->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	c->pid = _Fork();
	if (c->pid == 0)
		be_child(&r, fds);
	for (int i = 0; i < (c->pty ? 1 : 3); i++)
		close(fds[i]);
	never_block(c->input);
	never_block(c->output);
	never_block(c->errors);
	return c->pid < 0 || c->signals < 0 ? "no process can be made" : NULL;
}
