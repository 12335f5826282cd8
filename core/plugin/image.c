/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/plugin/image.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* An object that was loaded before may answer by name, or by its symbol; the vetting refuses the
 * ways to do so that are known. */
static bool is_itself(
    void *handle, const char *name, const struct volt_plugin *d, const struct vet_result *vet)
{
	struct link_map *map;

	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
		return false;
	return strcmp(map->l_name, name) == 0 && (uintptr_t)d == map->l_addr + vet->descriptor_at;
}

const struct volt_plugin *image_load(const struct vet_result *vet, char *why, unsigned why_size)
{
	const struct volt_plugin *d;
	char name[32];
	void *handle;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", vet->image_fd);
	handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle) {
		snprintf(why, why_size, "%s", dlerror());
		return NULL;
	}
	d = dlsym(handle, "volt_plugin");
	if (!d) {
		snprintf(why, why_size, "it exports no volt_plugin");
		return NULL;
	}
	if (!is_itself(handle, name, d, vet)) {
		snprintf(why, why_size, "the loader answered with another object");
		return NULL;
	}
	if (d->abi_major != vet->abi_major || d->kind != vet->kind) {
		snprintf(why, why_size, "its note and its descriptor disagree");
		return NULL;
	}
	return d;
}
