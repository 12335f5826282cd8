/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * stream_open.c - turns "file:PATH", "pty" and the like into file descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/open_files.h"
#include "core/event/helper.h"
#include "core/event/listen.h"
#include "core/event/reopen.h"
#include "core/event/stream.h"
#include "core/event/terminal.h"
#include "core/event/window.h"

struct why {
	char *text;
	size_t size;
};

VOLT_PRINTF(3, 4)
static int fail(struct why *why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, why->size, fmt, ap);
	va_end(ap);
	return -err;
}

static void on_in(void *arg, uint32_t events)
{
	struct stream *s = arg;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		s->readable = true;
	if (events & EPOLLOUT)
		s->writable = true;
	if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		s->gone = s->kind == STREAM_UNIX;
}

static void on_out(void *arg, uint32_t events)
{
	struct stream *s = arg;

	s->writable = true; /* an error shows at the next write */
}

/* The prepare callback accepts. */
static void on_listen(void *arg, uint32_t events)
{
	struct stream *s = arg;

	s->waiting = true;
}

static int open_stdio(struct stream *s, const char *path, struct why *why)
{
	for (uint32_t i = 0; i < s->number; i++)
		if (s->all->list[i].kind == STREAM_STDIO)
			return fail(why, EBUSY, "standard input and output are already used by %s",
			    s->all->list[i].owner->id);
	s->in_fd = reopen_nonblocking(STDIN_FILENO, O_RDONLY);
	s->out_fd = reopen_nonblocking(STDOUT_FILENO, O_WRONLY);
	if (s->in_fd < 0 || s->out_fd < 0)
		return fail(
		    why, errno, "cannot use standard input and output: %s", strerror(errno));
	s->terminal = isatty(STDIN_FILENO);
	return 0;
}

static int open_file(struct stream *s, const char *path, struct why *why)
{
	/* volt explain looks only. */
	if (s->all->looks_only)
		path = "/dev/null";
	s->out_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);
	if (s->out_fd < 0)
		return fail(why, errno, "cannot open %s for writing: %s%s", path, strerror(errno),
		    open_files_hint(errno));
	return 0;
}

static int open_pipe(struct stream *s, const char *path, struct why *why)
{
	struct stat st;

	/* Opened both ways so that a reader may come, go and come again. */
	s->out_fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (s->out_fd < 0)
		return fail(why, errno, "cannot open the FIFO %s: %s", path, strerror(errno));
	if (fstat(s->out_fd, &st) != 0 || !S_ISFIFO(st.st_mode))
		return fail(
		    why, EINVAL, "%s is not a FIFO: make one with mkfifo, or use file:", path);
	return 0;
}

static int open_pty(struct stream *s, const char *path, struct why *why)
{
	struct termios raw;
	char name[64];
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
	    ptsname_r(master, name, sizeof(name)) != 0)
		return fail(why, errno, "cannot make a pseudo-terminal: %s", strerror(errno));
	/* Held open for good, so that nobody being attached is no error. */
	int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &raw) != 0)
		return fail(why, errno, "cannot open %s: %s", name, strerror(errno));
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	s->in_fd = s->out_fd = master;
	s->kept_fd = slave;
	snprintf(s->name, sizeof(s->name), "%s", name);
	return 0;
}

static int open_unix(struct stream *s, const char *path, struct why *why)
{
	return listen_unix(path, s->all->looks_only, &s->listen_fd, why->text, why->size);
}

static int open_null(struct stream *s, const char *path, struct why *why)
{
	return 0;
}

static const struct {
	const char *name;
	bool path;
	enum stream_kind kind;
	int (*open)(struct stream *s, const char *path, struct why *why);
} kinds[] = {
    {"stdio", false, STREAM_STDIO, open_stdio},
    {"null", false, STREAM_NULL, open_null},
    {"file", true, STREAM_FILE, open_file},
    {"pipe", true, STREAM_PIPE, open_pipe},
    {"pty", false, STREAM_PTY, open_pty},
    {"unix", true, STREAM_UNIX, open_unix},
};

static int watch(struct stream *s)
{
	struct loop *l = s->all->loop;
	int err = 0;

	if (s->listen_fd >= 0) {
		s->client_watch = loop_make_watch(l, on_in, s);
		return loop_watch(l, s->listen_fd, EPOLLIN, loop_make_watch(l, on_listen, s));
	}
	/* -EPERM: a regular file, which is always ready; its flags just stay set. */
	if (s->in_fd >= 0)
		err = loop_watch(l, s->in_fd, EPOLLIN | (s->in_fd == s->out_fd ? EPOLLOUT : 0),
		    loop_make_watch(l, on_in, s));
	if ((!err || err == -EPERM) && s->out_fd >= 0 && s->out_fd != s->in_fd)
		err = loop_watch(l, s->out_fd, EPOLLOUT, loop_make_watch(l, on_out, s));
	return err == -EPERM ? 0 : err;
}

void streams_init(
    struct streams *all, struct loop *l, struct vm_end *end, struct events *events, bool looks_only)
{
	all->loop = l;
	all->end = end;
	all->events = events;
	all->looks_only = looks_only;
}

static void init(struct stream *s, struct streams *all, struct callee *owner)
{
	*s = (struct stream){.all = all,
	    .owner = owner,
	    .number = all->count,
	    .in_fd = -1,
	    .out_fd = -1,
	    .listen_fd = -1,
	    .listener = s,
	    .next_fd = -1,
	    .kept_fd = -1};
}

static bool make_buffers(struct stream *s)
{
	s->ring = mmap(NULL, STREAM_RING + 2 * STREAM_HELD, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->ring == MAP_FAILED)
		return false;
	s->held = s->ring + STREAM_RING;
	return true;
}

static int open_kind(struct stream *s, size_t kind, const char *path, struct why *why)
{
	const bool right = kinds[kind].path ? path && path[0] != '\0' : !path;

	if (!right)
		return fail(why, EINVAL,
		    kinds[kind].path ? "%s needs a path: %s:PATH" : "%s takes no path",
		    kinds[kind].name, kinds[kind].name);
	s->kind = kinds[kind].kind;
	if (!make_buffers(s))
		return fail(why, ENOMEM, "no memory for its buffer");
	s->detached = kinds[kind].kind == STREAM_UNIX || kinds[kind].kind == STREAM_NULL;
	int err = kinds[kind].open(s, path, why);
	if (err)
		return err;
	err = watch(s);
	return err ? fail(why, -err, "cannot watch it: %s", loop_watch_why(-err)) : 0;
}

int stream_open(
    struct streams *all, struct callee *owner, const char *text, char *why_text, size_t why_size)
{
	struct why why = {.text = why_text, .size = why_size};
	size_t name_len = strcspn(text, ":");
	const char *path = text[name_len] == ':' ? text + name_len + 1 : NULL;

	if (all->count == STREAM_MAX)
		return fail(&why, ENOSPC, "there are more than %u streams", STREAM_MAX);
	struct stream *s = &all->list[all->count];
	init(s, all, owner);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strlen(kinds[i].name) != name_len ||
		    strncmp(kinds[i].name, text, name_len) != 0)
			continue;
		int err = open_kind(s, i, path, &why);
		return err ? err : (int)all->count++;
	}
	return fail(&why, EINVAL,
	    "\"%s\" is not a stream: use stdio, null, file:PATH, pipe:PATH, pty or unix:PATH",
	    text);
}

int stream_open_sibling(struct stream *first)
{
	struct streams *all = first->all;
	struct stream *s = &all->list[all->count];

	if (all->count == STREAM_MAX)
		return -ENOSPC;
	init(s, all, first->owner);
	s->kind = STREAM_UNIX;
	s->listen_fd = first->listen_fd;
	s->listener = first;
	s->detached = true;
	if (!make_buffers(s))
		return -ENOMEM;
	s->client_watch = loop_make_watch(all->loop, on_in, s);
	return s->client_watch ? (int)all->count++ : -ENOSPC;
}

int streams_take_terminal(struct streams *all)
{
	const int err = window_watch(all);

	if (err)
		return err;
	for (uint32_t i = 0; i < all->count; i++)
		if (all->list[i].terminal)
			return terminal_take(!all->looks_only);
	return helper_start();
}

static bool is_listener(const struct stream *s)
{
	return s->listen_fd >= 0 && s->listener == s;
}

static void declare_one(const struct stream *s, struct ledger *l)
{
	const char *owner = s->owner->id;
	const struct volt_arg_test flags = ledger_is(3, SOCK_NONBLOCK | SOCK_CLOEXEC);
	const struct ledger_block in = ledger_file(l, s->in_fd, owner, "stream, input");
	const struct ledger_block out =
	    s->out_fd == s->in_fd ? in : ledger_file(l, s->out_fd, owner, "stream, output");

	ledger_file(l, s->kept_fd, owner, "stream, the other side");
	ledger_allow(l, in, LEDGER_LOOP, "read", NULL, "reads its input");
	ledger_allow(l, out, LEDGER_LOOP, "write", NULL, "writes its output");
	if (!is_listener(s))
		return;
	const struct ledger_block socket = ledger_file(l, s->listen_fd, owner, "stream, listening");
	ledger_allow(l, socket, LEDGER_LOOP, "accept4", &flags, "lets a client in");
}

/* A client gets one of these numbers, whichever socket it came by. */
static void declare_clients(struct ledger_block clients, struct ledger *l)
{
	clients.owner = "core";
	ledger_allow(l, clients, LEDGER_LOOP, "read", NULL, "reads from a client");
	ledger_allow(l, clients, LEDGER_LOOP, "write", NULL, "writes to a client");
	ledger_allow(l, clients, LEDGER_LOOP, "close", NULL, "drops a client");
}

uint32_t streams_clients(const struct streams *all)
{
	uint32_t clients = 0;

	for (uint32_t i = 0; i < all->count; i++)
		clients += all->list[i].listen_fd >= 0;
	return clients;
}

void streams_declare(const struct streams *all, struct ledger_later later, struct ledger *l)
{
	const struct volt_arg_test add_one = ledger_is(1, EPOLL_CTL_ADD);
	const struct ledger_block epoll = ledger_on(all->loop->epoll_fd, "core");
	struct ledger_block clients;

	for (uint32_t i = 0; i < all->count; i++)
		declare_one(&all->list[i], l);
	window_declare(all, l);
	if (streams_clients(all) == 0)
		return;
	ledger_allow(l, epoll, LEDGER_LOOP, "epoll_ctl", &add_one, "watches a client");
	while (ledger_next_free(&later, &clients))
		declare_clients(clients, l);
}
