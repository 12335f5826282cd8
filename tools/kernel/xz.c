/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/xz.h"

#include <errno.h>
#include <stdio.h>

#define CHUNK 65536u

int xz_begin(struct xz *x, bool alone)
{
	*x = (struct xz){.stream = LZMA_STREAM_INIT};
	const lzma_ret got =
	    alone ? lzma_alone_decoder(&x->stream, XZ_MEMORY_MAX)
		  : lzma_stream_decoder(&x->stream, XZ_MEMORY_MAX, LZMA_CONCATENATED);

	return got == LZMA_OK ? 0 : -ENOMEM;
}

void xz_end(struct xz *x)
{
	lzma_end(&x->stream);
}

void xz_give(struct xz *x, const uint8_t *bytes, size_t size)
{
	x->stream.next_in = bytes;
	x->stream.avail_in = size;
}

bool xz_wants_input(const struct xz *x)
{
	return !x->finished && x->stream.avail_in == 0;
}

static const char *name_error(lzma_ret got)
{
	switch (got) {
	case LZMA_FORMAT_ERROR:
		return "it is not such a stream";
	case LZMA_OPTIONS_ERROR:
		return "its options are not supported";
	case LZMA_BUF_ERROR:
		return "it is cut short";
	default:
		return "its data are corrupt";
	}
}

static int refuse(struct xz *x, lzma_ret got, char *why, size_t why_size)
{
	if (got == LZMA_MEMLIMIT_ERROR) {
		snprintf(why, why_size, "needs %llu MiB of memory to unpack, and may use %llu",
		    (unsigned long long)(lzma_memusage(&x->stream) >> 20),
		    (unsigned long long)(XZ_MEMORY_MAX >> 20));
		return -ENOMEM;
	}
	if (got == LZMA_MEM_ERROR) {
		snprintf(why, why_size, "cannot be unpacked: no memory");
		return -ENOMEM;
	}
	snprintf(why, why_size, "is damaged: %s", name_error(got));
	return -EINVAL;
}

int xz_take(struct xz *x, bool last, uint8_t *out, uint32_t room, char *why, size_t why_size)
{
	if (x->finished)
		return 0;
	x->stream.next_out = out;
	x->stream.avail_out = room;
	const lzma_ret got = lzma_code(&x->stream, last ? LZMA_FINISH : LZMA_RUN);

	x->finished = got == LZMA_STREAM_END;
	if (got != LZMA_OK && got != LZMA_STREAM_END)
		return refuse(x, got, why, why_size);
	return (int)(room - x->stream.avail_out);
}

static int pass_on(struct xz *x, unpack_sink sink, void *arg, char *why, size_t why_size)
{
	static uint8_t chunk[CHUNK];

	while (!x->finished) {
		const int n = xz_take(x, true, chunk, sizeof(chunk), why, why_size);
		const int err = n > 0 ? sink(arg, chunk, (size_t)n) : n;

		if (n < 0)
			return n;
		if (err)
			return sink_refused(err, why, why_size);
	}
	return 0;
}

int xz_unpack(const uint8_t *stream, size_t size, bool alone, unpack_sink sink, void *arg,
    char *why, size_t why_size)
{
	struct xz x;
	int err = xz_begin(&x, alone);

	xz_give(&x, stream, size);
	if (err)
		snprintf(why, why_size, "cannot be unpacked: no memory");
	else
		err = pass_on(&x, sink, arg, why, why_size);
	xz_end(&x);
	return err;
}
