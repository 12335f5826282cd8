/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vms - the VMs with a name, as the runtime directory has them: docs/control.md.
 *
 * Names are looked up in the user's own directory, then in /run/volt if the user may read it.
 */
#ifndef CTL_VMS_H
#define CTL_VMS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/runtime_dir.h"

enum vm_life {
	VM_ALIVE,  /* volt is there */
	VM_ENDING, /* volt has gone, and its end is being recorded */
	VM_ENDED,
};

struct vm {
	char name[VM_NAME_MAX + 1], dir[RUNTIME_DIR_BYTES];
	enum vm_life life;         /* when it was read */
	struct json_object *entry; /* an object */
	struct json_object *end;   /* an object, or NULL: it has not ended */
};

/* Reads the entry of that name; the caller closes it. 0; -ENOENT: there is none; -errno. An entry
 * whose processes died without a record gets one. */
int vm_open(struct vm *v, const char *name);
void vm_close(struct vm *v);

/* All of them by name, into *list, which the caller frees with vms_free(); how many, or -errno. Of
 * VMs that have ended only the newest stay: the others are removed. */
int vms_list(struct vm **list);
void vms_free(struct vm *list, int count);

/* A member of the entry: "" or 0 if it is not there. */
const char *vm_text(const struct vm *v, const char *member);
uint64_t vm_number(const struct vm *v, const char *member);

/* Looks again. */
enum vm_life vm_look(const struct vm *v);
/* Waits for the end, and reads it into v->end. 0 or -errno. */
int vm_wait(struct vm *v);
/* As vm_wait(), if the VM has ended; -EAGAIN if not. */
int vm_read_end(struct vm *v);
/* Sends a signal to volt, and to no process that only has its number. 0, -ESRCH or -errno. */
int vm_signal(const struct vm *v, int number);

#endif
