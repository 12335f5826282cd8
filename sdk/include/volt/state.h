/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/state.h - what of a device is saved and restored, from the plugin: "volt.state/1".
 *
 * Stability: candidate. The plugin describes its state in a table of fields; the host
 * writes and reads it, so that no plugin parses bytes. It saves the device, not its
 * implementation: registers, FIFOs, what waits to be sent. It does not save what init made
 * (parameters, handles, pointers to tables), counters, or what follows from other fields.
 * A device without state offers a table without fields; one that offers no table cannot be
 * part of a saved VM. Filters and sandboxes belong to the host, and are not saved.
 *
 *   pause     the host brings the VM to a standstill, in this order: vCPUs stop, each with its
 *             last access complete; doorbells that were rung are served; every worker runs
 *             once more, to its end; timers that are due then fire, as a job's result may come
 *             back by one. From there on the instance is called for pause and resume only,
 *             and by what it asks for itself. Irqchips are paused last
 *   end       of each instance with workers and a pause(), a VM that ends in order has every worker
 *             run once more, and then calls pause, once: a disk is flushed. vCPUs go on meanwhile
 *   save      a pause; then each instance is asked for an obstacle; then fields are read; then
 *             resume, or the VM ends
 *   restore   an instance on which reset and start have just run; fields are read, every element
 *             held against its limits and the whole against validate, all on a copy; only
 *             then they are put into the instance. Then identify (volt/identity.h) runs of all
 *             instances that have it, and then resume. Irqchips come first,
 *             so that the lines that devices raise in resume find them as they were.
 *
 * What is refused leaves the instance as it was. The bytes may be hostile: after a
 * restore the plugin may rely on the limits of each field and on what validate said, and
 * on nothing else.
 *
 * How it grows: a new field gets a new `name` and `since` = the new `version`; in older
 * states it is missing, and keeps the value that reset gave it. A name is never used for
 * anything else. A field that is not saved any more raises `oldest` and `version`.
 */
#ifndef VOLT_STATE_H
#define VOLT_STATE_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_STATE "volt.state/1"

/* Kinds of elements. Stored as little-endian numbers of their size. */
#define VOLT_F_U8   1u
#define VOLT_F_U16  2u
#define VOLT_F_U32  3u
#define VOLT_F_U64  4u
#define VOLT_F_BOOL 5u /* a C bool: one byte, 0 or 1 */

#define VOLT_FIELD_MAX 256u /* rows in a table */

/* `count` elements of the instance, the first at `offset`, `stride` bytes apart. Fields lie
 * inside of the instance and no two of them have a byte in common. */
struct volt_field {
	const char *name;               /* [a-z][a-z0-9_.]{0,62}; one of its kind in the table */
	uint32_t offset, stride, count; /* count >= 1; stride >= the element's size */
	uint16_t type;                  /* VOLT_F_* */
	uint16_t since;                 /* first version that has it; 0 and 1: all of them */
	uint64_t min, max; /* inclusive, of each element; both 0: all that the kind holds */
};

/* Bytes of one element. */
#define VOLT_F_SIZE(type_) ((type_) == VOLT_F_BOOL ? 1u : 1u << ((type_)-VOLT_F_U8))

/* Is `size` that of `count` elements? If not, this does not compile. */
#define VOLT_FIELD_FITS_(size, type_, count_) \
	(0 * sizeof(char[(size) == VOLT_F_SIZE(type_) * (count_) ? 1 : -1]))

/*
 * The first members of a row, for `member` of struct `s`, which is one element or an array
 * of `count`:
 *
 *   {VOLT_FIELD(struct uart, ier, VOLT_F_U8, 1), .max = 0x0f},
 */
#define VOLT_FIELD(s, member, type_, count_) \
	.name = #member, .offset = offsetof(s, member), .stride = VOLT_F_SIZE(type_), \
	.count = (count_) + VOLT_FIELD_FITS_(sizeof(((s *)0)->member), type_, count_), \
	.type = (type_)

/* The same for `member`, one element, of each struct in `array`. Its name is
 * "array.member". */
#define VOLT_FIELD_EACH(s, array, member, type_) \
	.name = #array "." #member, \
	.offset = offsetof(s, array[0].member), /* NOLINT(bugprone-macro-parentheses) */ \
	    .stride = sizeof(((s *)0)->array[0]), \
	.count = sizeof(((s *)0)->array) / sizeof(((s *)0)->array[0]) + \
		 VOLT_FIELD_FITS_(sizeof(((s *)0)->array[0].member), type_, 1), \
	.type = (type_)

/* What the plugin offers. */
struct volt_state {
	uint32_t size;
	uint16_t version;                   /* of what is saved now, from 1 */
	uint16_t oldest;                    /* that can still be restored, 1..version */
	uint16_t field_stride, field_count; /* bytes of a row of fields, and rows */
	uint32_t reserved;
	const struct volt_field *fields; /* NULL if field_count is 0 */
	/* [loop] The VM is paused, and a save may follow: brings into fields what is not in them
	 * by itself, such as how long a timer has still to run, and stops its workers
	 * (volt/worker.h). Timers that come due, input and doorbells wait for resume. May come
	 * twice without a resume between. NULL: nothing to do. */
	void (*pause)(void *self);
	/* [loop] The pause is over, or fields were restored; they go on from here: timers are armed
	 * for the time that is left, interrupt lines driven, streams told their room. After a
	 * pause all of that is as it was, and doing it again must change nothing that the guest
	 * can see. NULL: nothing to do. */
	void (*resume)(void *self);
	/* [any] Could the device be in this state? `candidate` is a copy of the instance with
	 * the restored fields in it, each within its limits. It changes nothing, keeps no
	 * pointer and calls nothing of the host. Returns 0 or a negative errno. NULL: the limits
	 * say all. */
	int (*validate)(const void *candidate);
	/* [loop] Why the device cannot be saved now, in words that end "it cannot be saved now: ";
	 * a constant string of one line. NULL: it can be. Called when the VM is paused, after
	 * `pause` of all instances; a reason ends the save, its asker is told, and the VM goes on.
	 * For what lasts a while only: a device that can never be saved offers no table. It
	 * changes nothing. NULL: it can always be saved. */
	const char *(*obstacle)(const void *self);
};

/* The table's rows, an array. */
#define VOLT_FIELDS(rows_) \
	.fields = (rows_), .field_stride = sizeof((rows_)[0]), \
	.field_count = sizeof(rows_) / sizeof((rows_)[0])

#ifdef __cplusplus
}
#endif

#endif
