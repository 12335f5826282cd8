/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * image - gives a vetted file to the loader.
 */
#ifndef CORE_IMAGE_H
#define CORE_IMAGE_H

#include "core/plugin/vet.h"

/*
 * Loads vet->image_fd and finds its descriptor, which is in the object that was vetted and in no
 * other. No code of the plugin has run then. The descriptor is valid for ever, as the object is
 * never unloaded. vet->image_fd must stay open for as long as other files are loaded, since the
 * loader knows what it loaded by name: a number used again would give the old object.
 * NULL, with the reason in `why`.
 */
const struct volt_plugin *image_load(const struct vet_result *vet, char *why, unsigned why_size);

#endif
