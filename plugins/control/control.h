/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * control - JSON-RPC 2.0, a request a line, for the commands and events of volt.manage/1.
 *
 * control.c   life, the clients and their bytes
 * request.c   from a line to a call
 * answer.c    from results and events to lines
 * json.c      the parser
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <volt/loop.h>
#include <volt/manage.h>
#include <volt/plugin.h>
#include <volt/stream.h>

#define CLIENT_MAX    8u
#define LINE_MAX_SIZE 16384u       /* of a request, with its line feed */
#define OUTPUT_SIZE   (512u << 10) /* of a client's answers that are not sent yet */
#define ANSWER_SIZE   (256u << 10) /* of one answer */
#define ID_SIZE       128u         /* of a request's id, as it was typed */
#define CALL_MAX      16u          /* as volt.manage/1 says */
#define PROTOCOL      1u           /* raised when a client could be misled by a change */

/* JSON-RPC 2.0, section 5.1. */
#define RPC_PARSE_ERROR      (-32700)
#define RPC_INVALID_REQUEST  (-32600)
#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS   (-32602)
#define RPC_SERVER_ERROR     (-32000)

enum {
	COUNT_REQUESTS,
	COUNT_ERRORS,
	COUNT_EVENTS_LOST,
	COUNT_CUT_OFF,
};

/* Text that is built in place; what does not fit makes it truncated. */
struct text {
	char *bytes;
	size_t size, room;
	bool truncated;
};

struct client {
	bool connected, listens, overlong; /* overlong: the rest of the line is skipped */
	uint32_t generation;               /* tells this client from the one before */
	uint64_t moved_ns;                 /* when bytes were last taken or sent */
	uint64_t lost;                     /* events that had no room */
	size_t in_size, out_size, out_sent;
	char in[LINE_MAX_SIZE];
	char out[OUTPUT_SIZE];
};

/* A call that was not answered at once. */
struct call {
	bool used;
	uint32_t client, generation;
	char id[ID_SIZE]; /* "": a notification, which gets no answer */
};

struct control {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_stream *stream;
	const struct volt_manage *control;
	uint32_t streams[CLIENT_MAX]; /* by client */
	uint32_t client_count, timer;
	struct call calls[CALL_MAX];
	struct call *current; /* the call that is being made, or NULL */
	bool in_row, has_rows, first_member;
	struct text answer; /* of the current call */
	char answer_bytes[ANSWER_SIZE];
	struct client clients[CLIENT_MAX];
};

/* request.c */
/* One whole line of client `number`, without its line feed. */
void control_request(struct control *c, uint32_t number, const char *line, size_t n);

/* answer.c */
extern const struct volt_manage_ops control_ops;
void control_begin_answer(struct control *c, bool rows);
void control_error(
    struct control *c, uint32_t number, const char *id, int code, const char *message, int err);
void control_result(struct control *c, uint32_t number, const char *id, const struct text *result);
void control_list(struct control *c, uint32_t number, const char *id);

/* control.c */
/* Queues bytes for a client: all of them or, without room, none. */
bool control_send(struct control *c, uint32_t number, const char *bytes, size_t n);
void control_flush(struct control *c, uint32_t number);

/* text, in answer.c */
VOLT_PRINTF(2, 3)
void text_put(struct text *t, const char *fmt, ...);
/* As a JSON string, quotes included. Bytes that are not ASCII pass as they are. */
void text_put_string(struct text *t, const char *s);

#endif
