/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * stream - the peers of volt.stream/1: terminal, file, FIFO, pty, Unix socket.
 *
 * A device's tx puts bytes into a ring (one producer: callbacks of one instance never
 * overlap) and the loop thread writes them out; input is read only as far as the device
 * has room, or `held` has. Both directions are bounded, so nothing here waits for a peer, and
 * each turn of the loop moves a bounded part, so no peer keeps the loop from the others.
 */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <volt/stream.h>

#include "core/base/ledger.h"
#include "core/config.h"
#include "core/event/callee.h"
#include "core/event/events.h"
#include "core/event/loop.h"

#define STREAM_RING 65536u
#define STREAM_HELD 65536u /* bytes of input that wait for the device's room */
#define STREAM_MAX  32

enum stream_kind { STREAM_NULL, STREAM_STDIO, STREAM_FILE, STREAM_PIPE, STREAM_PTY, STREAM_UNIX };

struct streams;

struct stream {
	struct streams *all;
	struct callee *owner;
	const struct volt_stream_ops *ops;
	uint32_t number;
	enum stream_kind kind;
	int in_fd, out_fd, listen_fd; /* -1: none */
	/* The stream that listen_fd belongs to: itself, or an earlier one, of whose socket this is
	 * a further client. */
	struct stream *listener;
	bool readable, writable; /* [loop] as the last edge said */
	bool gone;               /* [loop] the client sends no more */
	bool ended;              /* [loop] and all that it sent is in `held` */
	bool waiting;            /* [loop] a listener that may have a client to accept */
	bool full_logged, lost_logged, output_logged; /* [loop] each is logged once */
	bool connected;                               /* [loop] a peer is connected */
	bool escape_seen;                             /* [loop] after the terminal's escape key */
	bool terminal;
	void (*tap)(struct stream *s); /* [loop] gets what is new in the ring first; NULL: nobody */
	/* A pty's other side, held open so that nobody being there is no error; -1: none. */
	int kept_fd;
	char name[64]; /* STREAM_PTY: the other end's */
	int next_fd; /* [loop] the client that was accepted while the last one's input was held; -1
		      */
	/* Read ahead of the guest: of a terminal, for the escape key; of a client that has left. It
	 * has twice STREAM_HELD bytes, so that what is in it seldom has to be moved. */
	uint8_t *held;
	uint32_t held_start, held_count; /* [loop] at most STREAM_HELD */
	uint32_t discarded;              /* [loop] bytes of the client that is being sent away */
	uint8_t *ring;
	uint32_t head, tail;                   /* atomic; bytes ever put in and taken out */
	uint32_t drain_asked;                  /* atomic; the loop knows that there is something */
	uint32_t was_full;                     /* atomic; the device must be notified of room */
	uint64_t room;                         /* atomic */
	uint32_t detached;                     /* atomic; tx may drop at once, nobody listens */
	uint32_t dismissed;                    /* atomic; the client is to leave when all is sent */
	uint32_t cut_off;                      /* atomic; dismissed, and at once */
	const struct loop_watch *client_watch; /* STREAM_UNIX: for each client in turn */
};

/* Those of a VM. */
struct streams {
	struct loop *loop;
	struct vm_end *end;
	struct events *events;
	bool looks_only; /* volt explain: no file, socket or mode of a terminal is changed */
#if VOLT_HAS_OPERATE
	/* The terminal of whose size a device asked (core/event/window.h); NULL: none. */
	struct stream *window;
	bool window_watched;    /* nobody can ask any more */
	bool resized;           /* [loop] and the device was not told yet */
	uint16_t columns, rows; /* [wire] [loop] 0: not known */
#endif
	uint32_t count;
	struct stream list[STREAM_MAX];
};

void streams_init(struct streams *all, struct loop *l, struct vm_end *end, struct events *events,
    bool looks_only);

/* Opens what `text` says as the next of the list. Its number, or -errno with the reason in
 * `why`. */
int stream_open(
    struct streams *all, struct callee *owner, const char *text, char *why, size_t why_size);

/* Makes a stream for a further client of the listening socket of `first`. Its number, or
 * -errno. */
int stream_open_sibling(struct stream *first);

/* After all files are open, as a client gets the lowest number that is free. */
void streams_declare(const struct streams *all, struct ledger_later later, struct ledger *l);
/* The clients that there may be at a time. */
uint32_t streams_clients(const struct streams *all);

int stream_attach(struct stream *s, const struct volt_stream_ops *ops);
size_t stream_tx(struct stream *s, const uint8_t *bytes, size_t n);
void stream_set_room(struct stream *s, size_t n);
void stream_hang_up(struct stream *s);
/* [loop] Input that comes by another way than the peer. Returns how many bytes were taken: what
 * is left has no room until the device reads. */
size_t stream_input(struct stream *s, const uint8_t *bytes, size_t n);

/* [loop] Calls the device's `event`, unless the VM is paused. */
void stream_tell(struct stream *s, uint32_t event);

/* Starts the helper and sets the terminal's raw mode, as far as streams need them (and
 * not to explain): the last step before the seal, so that a failed start leaves the
 * terminal alone. */
int streams_take_terminal(struct streams *all);

/* [loop] Moves what can be moved. A prepare callback. */
void stream_pump(void *stream);
/* [loop] Tells the device that somebody is there from the start, if so. */
void stream_begin(struct stream *s);
/* [loop] The VM ended: writes out what is left, as long as the peer takes it, until
 * `limit_ns` at the latest. */
void stream_drain(struct stream *s, uint64_t limit_ns);

#endif
