/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * registry - a VM's name: its entry in the runtime directory, and what goes by the name.
 *
 * NAME.vm has a line that tells of the VM and, when it has ended, one that tells why. Byte 0 of it
 * is locked by whoever writes that second line, byte 1 by volt for reading, so an entry with
 * neither lock is final, however its processes died. These are OFD locks (fcntl(2)): a look at them
 * takes none. volt keeps no descriptor that could write the entry.
 */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include <stddef.h>

#include "core/config.h"
#include "core/vm/options.h"

struct ledger;

#if VOLT_HAS_OPERATE

/* Notes the runtime directory before the environment is dropped. */
void registry_locate(void);
/* Takes the name, opens the log and the file of the end, as far as the options ask for them. 0 or
 * -errno, which is logged. */
int registry_enter(const struct options *o);
/* The lock, and what the helper will have. */
void registry_declare(struct ledger *l);
/* XDG_RUNTIME_DIR as it was, for programs that volt starts; NULL: it was not set. */
const char *registry_runtime_dir(void);
/* The plugin that a named VM has besides those of the options, as --plugin would take it; NULL. */
const char *registry_plugin_spec(void);
/* Where clients of the console connect; NULL: nowhere. */
const char *registry_console_path(void);

#else /* without names */

static inline void registry_locate(void)
{
}

static inline int registry_enter(const struct options *o)
{
	return 0;
}

static inline void registry_declare(struct ledger *l)
{
}

static inline const char *registry_runtime_dir(void)
{
	return NULL;
}

static inline const char *registry_plugin_spec(void)
{
	return NULL;
}

static inline const char *registry_console_path(void)
{
	return NULL;
}

#endif

#endif
