/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * log - one line per event, to standard error or a file.
 *
 * Before the seal a line is written at once. After it, lines of any thread go into
 * a bounded ring that the loop thread writes out, so that no vCPU ever waits for a
 * log; lines that do not fit are counted and the count is logged.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <volt/plugin.h> /* VOLT_LOG_*, VOLT_PRINTF */

struct ledger;

extern uint32_t log_level; /* VOLT_LOG_*; a process-wide fact */

/* Formats and writes one line at `level`, prefixed "volt: " (and "warning: " ...). */
VOLT_PRINTF(2, 3)
void log_line(uint32_t level, const char *fmt, ...);

/* An error line. Always returns -err, so that callers can
 * `return log_error(EINVAL, "...")`. Say what was wrong, where, what would be right. */
VOLT_PRINTF(2, 3)
int log_error(int err, const char *fmt, ...);

/* As log_error(), for a system call that the host refused, where the step's exit code would blame
 * something else: a limit that was reached is a shortage, all else is a lack of the host. */
VOLT_PRINTF(2, 3)
int log_host_error(int err, const char *fmt, ...);

/* True once an error was out of memory, of file descriptors or of another limit. */
bool log_saw_shortage(void);
/* True once log_host_error() told of something that the host lacks or forbids. */
bool log_saw_lack(void);
#ifdef __clang_analyzer__ /* lets it see that an error is never 0 */
#define log_error(err, ...) (log_error(err, __VA_ARGS__), -(err))
#endif

#define log_warn(...) log_line(VOLT_LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(VOLT_LOG_INFO, __VA_ARGS__)
#define log_debug(...) \
	do { \
		if (log_level >= VOLT_LOG_DEBUG) \
			log_line(VOLT_LOG_DEBUG, __VA_ARGS__); \
	} while (0)

/* Sends lines to `fd` instead of standard error; takes no ownership. */
void log_set_fd(int fd);
int log_fd(void);
void log_declare(struct ledger *l);
/* Lines go to `fd` too, up to `limit` bytes, as far as it takes them. */
void log_set_copy(int fd, size_t limit);
int log_copy_fd(void);      /* -1: none */
void log_move_copy(int fd); /* it has another number now */
/* Who writes the start of each line, in place of "volt: "; it returns how many bytes. [any] */
void log_set_prefix(size_t (*prefix)(char *to, size_t size));
/* Bytes of the UTF-8 character at `p` if it is a printable one, else 0. */
unsigned log_printable_length(const unsigned char *p);
/* Ends lines with a carriage return too, for a terminal in raw mode. */
void log_set_raw(bool raw);
/* First of all: standard error, and the lock of the queue. */
void log_init(void);
/* From now on lines are queued; `wake` (any thread) makes the loop call log_flush(). */
void log_queue(void (*wake)(void *), void *arg);
/* [loop] Writes what is queued. */
void log_flush(void);

#endif
