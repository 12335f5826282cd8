/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What is saved: all that commands can change. Whether there is an aux port is a parameter,
 * and the levels of the lines follow from the output buffer.
 */
#include <errno.h>

#include "i8042.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): the name of a member cannot have them */
#define QUEUE(path) \
	{VOLT_FIELD(struct i8042, path.bytes, VOLT_F_U8, PS2_QUEUE_SIZE)}, \
	    {VOLT_FIELD(struct i8042, path.head, VOLT_F_U8, 1), .max = PS2_QUEUE_SIZE - 1}, \
	    {VOLT_FIELD(struct i8042, path.count, VOLT_F_U8, 1), .max = PS2_QUEUE_SIZE}, \
	{ \
		VOLT_FIELD(struct i8042, path.last, VOLT_F_U8, 1) \
	}

#define LATCH(path) \
	{VOLT_FIELD(struct i8042, path.byte, VOLT_F_U8, 1)}, \
	    {VOLT_FIELD(struct i8042, path.status, VOLT_F_U8, 1)}, \
	{ \
		VOLT_FIELD(struct i8042, path.full, VOLT_F_BOOL, 1) \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct i8042, ram, VOLT_F_U8, RAM_SIZE)},
    {VOLT_FIELD(struct i8042, pending, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct i8042, to_command, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct i8042, a20, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct i8042, own, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct i8042, released, VOLT_F_U8, 1), .max = 0x80},
    LATCH(out),
    LATCH(waiting),
    QUEUE(kbd.out),
    {VOLT_FIELD(struct i8042, kbd.pending, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct i8042, kbd.set, VOLT_F_U8, 1), .min = 1, .max = 3},
    {VOLT_FIELD(struct i8042, kbd.breaks, VOLT_F_U8, 1), .max = 7},
    {VOLT_FIELD(struct i8042, kbd.scanning, VOLT_F_BOOL, 1)},
    QUEUE(mouse.out),
    {VOLT_FIELD(struct i8042, mouse.pending, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct i8042, mouse.rate, VOLT_F_U8, 1), .min = 10, .max = 200},
    {VOLT_FIELD(struct i8042, mouse.resolution, VOLT_F_U8, 1), .max = 3},
    {VOLT_FIELD(struct i8042, mouse.scaled, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct i8042, mouse.remote, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct i8042, mouse.wrap, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct i8042, mouse.reporting, VOLT_F_BOOL, 1)},
};

static int validate(const void *candidate)
{
	return i8042_controller_is_valid(candidate) ? 0 : -EINVAL;
}

static void resume(void *self)
{
	i8042_controller_resume(self);
}

const struct volt_state i8042_state = {
    .size = sizeof(i8042_state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .resume = resume,
    .validate = validate,
};
