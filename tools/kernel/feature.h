/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * feature - what of Volt a kernel can use, by its configuration.
 */
#ifndef TOOLS_KERNEL_FEATURE_H
#define TOOLS_KERNEL_FEATURE_H

#include "tools/kernel/config.h"

#define FEATURE_OPTIONS 4

/* How much is lost without it. */
enum feature_need {
	FEATURE_NEEDED, /* no guest as volt's users know one */
	FEATURE_WANTED, /* works without, but worse or less */
	FEATURE_EXTRA,  /* only those who ask for it miss it */
};

struct feature {
	const char *name, *gives;
	enum feature_need need;
	/* All must be set. One with a bar names alternatives: "A|B". */
	const char *options[FEATURE_OPTIONS];
};

extern const struct feature feature_table[];
extern const unsigned feature_count;

struct feature_state {
	enum config_value value; /* the least of its options */
	const char *lacking;     /* the option that made it so, as in the table; or NULL */
};

struct feature_state feature_look(const struct feature *f, const struct config *c);

/* "CONFIG_A or CONFIG_B" of the table's "A|B". */
const char *feature_spell(const char *option, char *room, unsigned size);

#endif
