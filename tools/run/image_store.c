/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/image_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int image_folder(char *path, size_t size)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n = -1;

	/* The XDG base directory specification ignores a path that is not absolute. */
	if (data && data[0] == '/')
		n = snprintf(path, size, "%s/volt/images", data);
	else if (home && home[0] == '/')
		n = snprintf(path, size, "%s/.local/share/volt/images", home);
	return n < 0 ? -ENOENT : (size_t)n < size ? 0 : -ENAMETOOLONG;
}

bool image_name_valid(const char *name)
{
	static const char allowed[] = "-._ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789";
	const size_t n = strspn(name, allowed);

	return n > 0 && n <= IMAGE_NAME_MAX && name[n] == '\0' && strchr(allowed + 3, name[0]);
}

int image_find(const char *word, char *path, size_t size)
{
	const bool is_file =
	    strchr(word, '/') || (strcmp(word, IMAGE_DEFAULT) != 0 && access(word, F_OK) == 0);
	char folder[4096];

	if (is_file) {
		const int n = snprintf(path, size, "%s", word);

		if (n < 0 || (size_t)n >= size)
			return -ENAMETOOLONG;
		return access(path, R_OK) == 0 ? 0 : -errno;
	}
	if (!image_name_valid(word))
		return -ENOENT;
	const int err = image_folder(folder, sizeof(folder));
	if (err)
		return err;
	const int n = snprintf(path, size, "%s/%s" IMAGE_SUFFIX, folder, word);
	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	return access(path, R_OK) == 0 ? 0 : -errno;
}
