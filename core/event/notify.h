/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * notify - tells the service manager when the guest is ready and when volt stops, as sd_notify(3)
 * does: datagrams to the socket that NOTIFY_SOCKET names.
 *
 * The helper sends them, so a sealed volt has neither a file nor a call for it. The guest's word
 * comes by a socket of its own (--ready-socket), where a line "READY=1" is looked for, as a program
 * under a service manager would send it; without one, the guest is ready when it runs.
 */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include <poll.h>
#include <stdbool.h>

#include "core/config.h"

struct ledger;

enum { NOTIFY_FILES = 3 }; /* the manager, who listens, and its client */

#if VOLT_HAS_OPERATE

/* Notes NOTIFY_SOCKET before the environment is dropped. */
void notify_locate(void);
/* Connects to the manager. `ready_fd`: listens on --ready-socket, or -1; `restored`: the guest was
 * ready before it was saved, and will not say so again; `looks_only`: for volt explain. */
void notify_open(int ready_fd, bool restored, bool looks_only);
void notify_declare(struct ledger *l);
/* All descriptors, -1 where there is none, for the helper to keep under numbers of its own. */
void notify_list_fds(int fds[NOTIFY_FILES]);
void notify_set_fds(const int fds[NOTIFY_FILES]);
/* True if there is something to tell or to hear. */
bool notify_wanted(void);
/* In volt, once the helper has them. */
void notify_close(void);

/* In the helper. Fills NOTIFY_FILES entries; an unused one has the number -1. */
void notify_poll(struct pollfd *files);
/* Serves those that are ready. */
void notify_take(const struct pollfd *files);
void notify_runs(void);     /* the guest was let go */
void notify_stopping(void); /* volt is ending or has ended */

#else /* nobody starts such a volt as a service */

static inline void notify_locate(void)
{
}

static inline void notify_open(int ready_fd, bool restored, bool looks_only)
{
}

static inline void notify_declare(struct ledger *l)
{
}

static inline void notify_list_fds(int fds[NOTIFY_FILES])
{
	for (int i = 0; i < NOTIFY_FILES; i++)
		fds[i] = -1;
}

static inline void notify_set_fds(const int fds[NOTIFY_FILES])
{
}

static inline bool notify_wanted(void)
{
	return false;
}

static inline void notify_close(void)
{
}

static inline void notify_poll(struct pollfd *files)
{
	for (int i = 0; i < NOTIFY_FILES; i++)
		files[i] = (struct pollfd){.fd = -1};
}

static inline void notify_take(const struct pollfd *files)
{
}

static inline void notify_runs(void)
{
}

static inline void notify_stopping(void)
{
}

#endif

#endif
