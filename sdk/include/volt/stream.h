/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/stream.h - a two-way pipe of bytes, from the host: extension "volt.stream/1".
 *
 * Stability: candidate. A stream is made by a parameter of type VOLT_PARAM_STREAM,
 * whose text says what is at the other end:
 *
 *   stdio        standard input and output; raw mode and an escape key when
 *                they are a terminal
 *   null         nothing: reads nothing, takes everything
 *   file:PATH    output appended to a file; no input
 *   pipe:PATH    output to a FIFO that exists; no input
 *   pty          a new pseudo-terminal, whose name is logged
 *   unix:PATH    a listening Unix socket, one client at a time or as many as serve()
 *                says; only its own user may connect (mode 0600)
 *
 * The core opens the peer, reads and writes it on the loop thread and keeps a
 * bounded buffer each way, so a peer that is slow, full or gone never holds a
 * vCPU and never makes memory grow.
 */
#ifndef VOLT_STREAM_H
#define VOLT_STREAM_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_STREAM "volt.stream/1"

#define VOLT_STREAM_CONNECTED    1u /* a peer is connected */
#define VOLT_STREAM_DISCONNECTED 2u /* nobody is; all input was delivered, or is lost */
#define VOLT_STREAM_BREAK        3u /* the operator sent a break condition */
#define VOLT_STREAM_ROOM         4u /* tx, which took fewer bytes than it was given, takes more */
#define VOLT_STREAM_RESIZED      5u /* the terminal has another size: window() tells it */

/* What the plugin is called for. */
struct volt_stream_ops {
	uint32_t size, reserved;
	/* [loop] Bytes that arrived, n >= 1 and never more than the room given. NULL:
	 * input is not wanted. */
	void (*rx)(void *self, uint32_t stream, const uint8_t *bytes, size_t n);
	/* [loop] VOLT_STREAM_*; unknown ones are ignored. NULL: not wanted. */
	void (*event)(void *self, uint32_t stream, uint32_t event);
};

/* What the host gives. */
struct volt_stream {
	uint32_t size, reserved;
	/* [wire] Takes charge of stream `stream` (the parameter's value). *ops is static.
	 * 0; -EINVAL: no such stream; -EBUSY: taken; -EPERM after the seal. A stream that
	 * whose peer is present from the start (stdio, file, pipe, null) reports
	 * CONNECTED before start. */
	int (*attach)(
	    const struct volt_host *h, uint32_t stream, const struct volt_stream_ops *ops);
	/* [any] Under the instance's lock, that is in any callback but a worker's job or one of a
	 * PARALLEL range. Sends bytes; never blocks. Returns how many were taken; the rest did not
	 * fit and is the caller's to drop and count, or to keep until VOLT_STREAM_ROOM (since ABI
	 * 0.3), which comes once after it. Without a peer all are taken, and dropped.
	 * After a restore no ROOM comes for what did not fit before: call tx again in resume(). */
	size_t (*tx)(const struct volt_host *h, uint32_t stream, const uint8_t *bytes, size_t n);
	/* [any] As tx. Sets how many bytes rx may deliver from now on, in all; 0 at the start.
	 * What does not fit waits at the peer, and in at most 64 KiB of the host's memory. */
	void (*set_room)(const struct volt_host *h, uint32_t stream, size_t n);
	/* [any] As tx. Disconnects the peer once all that was sent has left; what it sends
	 * meanwhile is dropped. DISCONNECTED follows. A second call before that disconnects the
	 * peer at once and drops what has not left: for a peer that does not read. Only a client of
	 * a socket can be disconnected: other kinds ignore the call. Since ABI 0.2: check
	 * VOLT_HAS(). */
	void (*hang_up)(const struct volt_host *h, uint32_t stream);
	/* [wire] As attach, for several clients at once: up to `count` of a listening socket
	 * (unix:PATH), one of any other stream. Each is a stream of its own: *streams gets their
	 * handles, the first of which is `stream`. Returns how many they are; else as attach;
	 * -EINVAL: `count` is not 1 to 16; -ENOSPC: more than 32 streams in the VM. Since ABI 0.3:
	 * check VOLT_HAS(). */
	int (*serve)(const struct volt_host *h, uint32_t stream, const struct volt_stream_ops *ops,
	    uint32_t count, uint32_t *streams);
	/* [wire] [loop] How large the terminal at the other end is, in characters: each is 1 to
	 * 65535. Whoever calls it while wiring is told of each change by RESIZED, on the loop. 0;
	 * -ENOTTY: it is not a terminal, or it does not know its size, or (after the seal) nobody
	 * asked before; -EINVAL: no such stream. Only stdio can have a terminal's size. NULL where
	 * a build of volt has left it out. Since ABI 0.3: check VOLT_HAS(). */
	int (*window)(
	    const struct volt_host *h, uint32_t stream, uint16_t *columns, uint16_t *rows);
};

#ifdef __cplusplus
}
#endif

#endif
