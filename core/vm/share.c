/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/share.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/vm/share_spec.h"

static bool is_taken(const struct share *shares, uint32_t count, const char *at)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(shares[i].at, at) == 0)
			return true;
	return false;
}

int share_add(struct share *shares, uint32_t *count, const char *text)
{
	static struct share_spec spec;
	char why[128];

	if (share_spec_parse(&spec, text, why, sizeof(why)) != 0)
		return log_error(EINVAL, "--share %s: %s", text, why);
	if (spec.fd < 0)
		return log_error(EINVAL, "--share %s: the folder is not served", text);
	if (*count == SHARE_MAX)
		return log_error(EINVAL, "--share: at most %u are possible", SHARE_MAX);
	if (is_taken(shares, *count, spec.at))
		return log_error(
		    EINVAL, "--share: two are on %s of the guest: give at=FOLDER", spec.at);
	struct share *s = &shares[*count];
	snprintf(s->at, sizeof(s->at), "%s", spec.at);
	s->read_only = spec.read_only;
	snprintf(s->plugin, sizeof(s->plugin), VOLT_SHARE_PLUGIN ",socket=fd:%d,tag=share%u",
	    spec.fd, (*count)++);
	return 0;
}

bool share_add_words(const struct share *shares, uint32_t count, char *text, size_t size)
{
	size_t used = strlen(text);

	for (uint32_t i = 0; i < count; i++) {
		const struct share *s = &shares[i];
		const int n = snprintf(text + used, size - used, " volt.share=TAG=share%u,%s%s", i,
		    s->at, s->read_only ? "" : ",rw");

		if (n < 0 || (size_t)n >= size - used)
			return false;
		used += (size_t)n;
	}
	return true;
}
