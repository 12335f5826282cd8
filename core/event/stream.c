/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/event/terminal.h"

#define DISCARD_MAX (512u << 10)
#define TURN_CALLS  16u   /* reads, and writes, of a stream in one turn of the loop */
#define READ_SIZE   4096u /* bytes of one read */

int stream_attach(struct stream *s, const struct volt_stream_ops *ops)
{
	if (s->ops)
		return -EBUSY;
	s->ops = ops;
	return loop_add_prepare(s->all->loop, stream_pump, s);
}

size_t stream_tx(struct stream *s, const uint8_t *bytes, size_t n)
{
	if (__atomic_load_n(&s->detached, __ATOMIC_RELAXED))
		return n;
	uint32_t head = s->head;
	uint32_t used = head - __atomic_load_n(&s->tail, __ATOMIC_ACQUIRE);
	size_t take = n < STREAM_RING - used ? n : STREAM_RING - used;
	const size_t at = head % STREAM_RING;
	const size_t first = take < STREAM_RING - at ? take : STREAM_RING - at;
	if (take > 0) {
		memcpy(s->ring + at, bytes, first);
		memcpy(s->ring, bytes + first, take - first);
	}
	__atomic_store_n(&s->head, head + (uint32_t)take, __ATOMIC_RELEASE);
	bool wake = take > 0 && __atomic_exchange_n(&s->drain_asked, 1, __ATOMIC_SEQ_CST) == 0;
	/* The loop may have made room since the look at `tail`. */
	if (take < n && __atomic_exchange_n(&s->was_full, 1, __ATOMIC_SEQ_CST) == 0)
		wake = true;
	if (wake)
		loop_wake(s->all->loop);
	return take;
}

void stream_set_room(struct stream *s, size_t n)
{
	uint64_t old = __atomic_exchange_n(&s->room, n, __ATOMIC_SEQ_CST);

	if (n > old)
		loop_wake(s->all->loop);
}

void stream_hang_up(struct stream *s)
{
	if (s->kind != STREAM_UNIX || __atomic_load_n(&s->detached, __ATOMIC_RELAXED))
		return;
	const bool again = __atomic_exchange_n(&s->dismissed, 1, __ATOMIC_SEQ_CST);
	if (again)
		__atomic_store_n(&s->cut_off, 1, __ATOMIC_SEQ_CST);
	loop_wake(s->all->loop);
}

/* The VM is paused, and the owner a part of it. */
static bool is_held(const struct stream *s)
{
	return s->all->loop->held && !s->owner->always;
}

void stream_tell(struct stream *s, uint32_t event)
{
	if (!s->ops || !VOLT_HAS(s->ops, event) || !s->ops->event)
		return;
	if (is_held(s)) /* a break, which the device does not receive */
		return;
	callee_lock(s->owner);
	s->ops->event(s->owner->self, s->number, event);
	callee_unlock(s->owner);
}

static void set_connected(struct stream *s, bool connected)
{
	/* With a console a client may attach at any time: the device always sees a peer. */
	if (s->connected == connected || (s->tap && !connected))
		return;
	s->connected = connected;
	__atomic_store_n(&s->detached, (!connected || s->out_fd < 0) && !s->tap, __ATOMIC_RELAXED);
	stream_tell(s, connected ? VOLT_STREAM_CONNECTED : VOLT_STREAM_DISCONNECTED);
}

/* There is more to do, in the next turn of the loop, after all others had theirs. */
static void go_on_later(struct stream *s)
{
	loop_wake(s->all->loop);
}

static bool is_dismissed(const struct stream *s)
{
	return __atomic_load_n(&s->dismissed, __ATOMIC_SEQ_CST) != 0;
}

static void log_lost_output(struct stream *s, uint32_t bytes, const char *why)
{
	if (!s->output_logged)
		log_warn("%s: cannot write %u bytes of output: %s; they are lost", s->owner->id,
		    bytes, why);
	s->output_logged = true;
}

static void drop_output(struct stream *s)
{
	if (s->tap)
		s->tap(s);
	s->out_fd = -1;
	s->writable = false;
	__atomic_store_n(&s->tail, __atomic_load_n(&s->head, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

/* The peer takes nothing any more. A client of a socket is gone altogether; a terminal
 * whose output went into a closed pipe still has its keys. */
static void hang_up(struct stream *s)
{
	drop_output(s);
	if (s->kind == STREAM_UNIX) {
		close(s->in_fd);
		s->in_fd = -1;
		s->readable = s->gone = s->ended = false;
		s->held_count = 0;
	}
	set_connected(s, false);
	/* The next client may have been waiting: its event came and went. */
	if (s->kind == STREAM_UNIX)
		loop_wake(s->all->loop);
}

/* The client that waits, or -1. */
static int next_client(struct stream *s)
{
	int fd = s->next_fd;

	s->next_fd = -1;
	if (fd >= 0 || !s->listener->waiting)
		return fd;
	fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 && errno == EAGAIN)
		s->listener->waiting =
		    false; /* until the next edge; others may be queued behind this one */
	return fd;
}

static bool somebody_waits(struct stream *s)
{
	s->next_fd = next_client(s);
	return s->next_fd >= 0;
}

static void accept_client(struct stream *s)
{
	int fd = next_client(s);

	if (fd < 0)
		return;
	if (loop_watch(s->all->loop, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, s->client_watch) != 0) {
		close(fd);
		go_on_later(s);
		return;
	}
	__atomic_store_n(&s->dismissed, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->cut_off, 0, __ATOMIC_RELAXED);
	s->discarded = 0;
	/* What was being sent when the last one left is not for this one, and is waited for no
	 * more. */
	__atomic_store_n(&s->was_full, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->tail, __atomic_load_n(&s->head, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
	s->in_fd = s->out_fd = fd;
	s->readable = s->writable = true;
	set_connected(s, true);
}

/* Who has closed its end reads nothing more, but what it sent is the guest's. */
static void end_output(struct stream *s)
{
	if (s->kind != STREAM_UNIX || !s->ops->rx || is_dismissed(s)) {
		hang_up(s);
		return;
	}
	drop_output(s);
	__atomic_store_n(&s->detached, 1, __ATOMIC_RELAXED);
	s->gone = true;
}

static void pump_out(struct stream *s)
{
	/* Only what is there now: a guest as fast as the writes must not hold the loop. */
	uint32_t end = __atomic_load_n(&s->head, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; s->writable && s->tail != end; i++) {
		if (i == TURN_CALLS) {
			go_on_later(s);
			return;
		}
		uint32_t tail = s->tail;
		uint32_t at = tail % STREAM_RING, used = end - tail;
		uint32_t chunk = used < STREAM_RING - at ? used : STREAM_RING - at;
		ssize_t n = write(s->out_fd, s->ring + at, chunk);

		if (n > 0) {
			__atomic_store_n(&s->tail, tail + (uint32_t)n, __ATOMIC_RELEASE);
		} else if (n < 0 && errno == EAGAIN) {
			s->writable = false;
		} else if (n < 0 &&
			   (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO)) {
			log_lost_output(s, used, strerror(errno)); /* there may be space later */
			__atomic_store_n(&s->tail, end, __ATOMIC_RELEASE);
		} else if (n == 0 || errno != EINTR) {
			end_output(s);
		}
	}
}

/* Input of a terminal goes through the escape key; `n` shrinks to what is for the guest. */
static size_t filter_terminal(struct stream *s, uint8_t *bytes, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		switch (terminal_filter(&s->escape_seen, bytes[i])) {
		case TERMINAL_PASS:
			bytes[kept++] = bytes[i];
			break;
		case TERMINAL_PASS_ESCAPE:
			bytes[kept++] = TERMINAL_ESCAPE;
			break;
		case TERMINAL_QUIT:
			vm_end(s->all->end, EXIT_QUIT, "the operator quit at the terminal");
			break;
		case TERMINAL_BREAK:
			stream_tell(s, VOLT_STREAM_BREAK);
			break;
		case TERMINAL_ATTENTION:
			events_want_attention(s->all->events);
			break;
		case TERMINAL_HELP:
			log_line(VOLT_LOG_INFO, "%s", terminal_help);
			break;
		case TERMINAL_SWALLOW:
			break;
		}
	}
	return kept;
}

/* Takes up to `wanted` of the room; a PARALLEL callback may change it at any time. */
static uint32_t take_room(struct stream *s, uint32_t wanted)
{
	uint64_t room = __atomic_load_n(&s->room, __ATOMIC_SEQ_CST);
	uint32_t n;

	do
		n = wanted < room ? wanted : (uint32_t)room;
	while (!__atomic_compare_exchange_n(
	    &s->room, &room, room - n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return n;
}

/* Gives the device as much of `held` as it has room for. */
static void deliver_held(struct stream *s)
{
	if (s->held_count == 0 || !s->ops->rx || is_held(s))
		return;
	callee_lock(s->owner);
	/* rx may set new room itself, so what it used up is taken off before. */
	uint32_t n = take_room(s, s->held_count);
	if (n > 0)
		s->ops->rx(s->owner->self, s->number, s->held + s->held_start, n);
	callee_unlock(s->owner);
	s->held_start += n;
	s->held_count -= n;
}

/* The device may have waited for this. */
static void tell_of_room(struct stream *s)
{
	if (!__atomic_load_n(&s->was_full, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(&s->head, __ATOMIC_ACQUIRE) - s->tail == STREAM_RING)
		return;
	__atomic_store_n(&s->was_full, 0, __ATOMIC_SEQ_CST);
	stream_tell(s, VOLT_STREAM_ROOM);
}

/* Where the next bytes of input go, with room for STREAM_HELD in all. */
static uint8_t *held_end(struct stream *s)
{
	if (s->held_start >= STREAM_HELD || s->held_count == 0) {
		memmove(s->held, s->held + s->held_start, s->held_count);
		s->held_start = 0;
	}
	return s->held + s->held_start + s->held_count;
}

/* How much to read: what the device can take. A terminal is read ahead, for its escape key, and a
 * client that has left, to learn where its input ends. */
static size_t input_wanted(const struct stream *s)
{
	size_t space = STREAM_HELD - s->held_count;
	uint64_t room = __atomic_load_n(&s->room, __ATOMIC_SEQ_CST);

	if (!s->terminal && !s->gone && room < space)
		space = room;
	return space < READ_SIZE ? space : READ_SIZE;
}

/* Keeps reading from a client that is being disconnected: closing a socket with unread input
 * sends a reset, and the client loses the last of our output. DISCARD_MAX is twice what a
 * socket holds by default (net.core.wmem_default), so that a client that never stops is
 * disconnected as well. */
static void discard_input(struct stream *s)
{
	uint8_t bytes[READ_SIZE];

	s->held_count = 0;
	for (unsigned i = 0; s->readable && s->discarded < DISCARD_MAX; i++) {
		if (i == TURN_CALLS) {
			go_on_later(s);
			return;
		}
		ssize_t n = read(s->in_fd, bytes, sizeof(bytes));

		if (n > 0)
			s->discarded += (uint32_t)n;
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		s->readable = false;
		if (n == 0 || errno != EAGAIN)
			s->ended = true;
	}
}

static void send_away(struct stream *s)
{
	discard_input(s);
	if (s->readable && s->discarded < DISCARD_MAX)
		return;
	if (s->out_fd < 0 || s->tail == __atomic_load_n(&s->head, __ATOMIC_ACQUIRE) ||
	    __atomic_load_n(&s->cut_off, __ATOMIC_SEQ_CST))
		hang_up(s);
}

/* A client has left, and the guest has no room for what it sent: that is kept, until the next
 * client comes, who must not wait for the guest. */
static void end_client(struct stream *s)
{
	if (s->ops->rx && s->held_count > 0 && !somebody_waits(s))
		return;
	if (s->held_count > 0 && !s->lost_logged) {
		log_warn("%s: a client left before the guest read its input, and the next one is "
			 "there: %u bytes or more are lost",
		    s->owner->id, s->held_count);
		s->lost_logged = true;
	}
	hang_up(s);
}

static void log_full(struct stream *s)
{
	if (!s->full_logged)
		log_warn(
		    "%s: the guest does not read: %u bytes of typed input wait for it; more is "
		    "read from the terminal, Ctrl-A included, when it does; SIGTERM ends the VM",
		    s->owner->id, s->held_count);
	s->full_logged = true;
}

size_t stream_input(struct stream *s, const uint8_t *bytes, size_t n)
{
	const size_t space = STREAM_HELD - s->held_count;

	if (!s->ops || !s->ops->rx)
		return n; /* as a terminal's keys: nobody reads them */
	n = n < space ? n : space;
	memcpy(held_end(s), bytes, n);
	s->held_count += (uint32_t)n;
	deliver_held(s);
	return n;
}

/* One read. False: nothing more is there. */
static bool read_input(struct stream *s, size_t want)
{
	uint8_t *bytes = held_end(s);
	ssize_t n = read(s->in_fd, bytes, want);

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		s->readable = false;
		s->ended = s->kind == STREAM_UNIX && (n == 0 || errno != EAGAIN);
		return false;
	}
	size_t count = s->terminal ? filter_terminal(s, bytes, (size_t)n) : (size_t)n;
	if (!s->ops->rx)
		return true;
	s->held_count += (uint32_t)count;
	deliver_held(s);
	return true;
}

static void pump_in(struct stream *s)
{
	size_t want;

	/* A device without input still has an operator, and clients that leave. */
	if (!s->ops->rx && !s->terminal && !s->gone)
		return;
	deliver_held(s);
	for (unsigned i = 0; s->readable && !is_dismissed(s) && (want = input_wanted(s)) > 0; i++) {
		if (i == TURN_CALLS) {
			go_on_later(s);
			return;
		}
		if (!read_input(s, want))
			break;
	}
	if (s->terminal && s->held_count == STREAM_HELD)
		log_full(s);
	/* Who is being sent away still gets what was sent. */
	if ((s->ended || (s->gone && s->held_count == STREAM_HELD)) && !is_dismissed(s))
		end_client(s);
}

void stream_pump(void *stream)
{
	struct stream *s = stream;

	/* A paused VM reads only what its operator sends; all else waits at the peer. */
	if (is_held(s)) {
		if (s->terminal && s->in_fd >= 0)
			pump_in(s);
		return;
	}
	/* Cleared first: bytes that come from now on ask again. */
	__atomic_store_n(&s->drain_asked, 0, __ATOMIC_SEQ_CST);
	if (s->kind == STREAM_UNIX && s->in_fd < 0)
		accept_client(s);
	if (s->tap)
		s->tap(s);
	if (s->out_fd >= 0)
		pump_out(s);
	else if (s->tap)
		drop_output(s);
	tell_of_room(s);
	if (s->in_fd < 0)
		deliver_held(s);
	if (s->in_fd >= 0 && is_dismissed(s))
		send_away(s);
	else if (s->in_fd >= 0)
		pump_in(s);
}

void stream_begin(struct stream *s)
{
	if (s->kind == STREAM_UNIX)
		return;
	if (s->name[0] != '\0')
		log_info("%s: %s", s->owner->id, s->name);
	s->writable = s->out_fd >= 0;
	s->readable = s->in_fd >= 0;
	set_connected(s, true);
}

void stream_drain(struct stream *s, uint64_t limit_ns)
{
	if (s->tap)
		s->tap(s);
	if (!s->ops || s->out_fd < 0)
		return;
	for (;;) {
		pump_out(s);
		tell_of_room(s); /* for the last that the device kept */
		if (s->out_fd < 0 || s->tail == s->head)
			return;
		if (clock_now() >= limit_ns)
			break;
		/* Any event will do: only whether the peer takes more is of interest. */
		if (!s->writable)
			loop_pause(s->all->loop, 10000000);
		s->writable = true;
	}
	log_lost_output(s, s->head - s->tail, "its reader is too slow");
}
