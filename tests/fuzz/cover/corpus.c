/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* corpus_NAME FOLDER: each file of the folder is one input of the target that this is linked with.
 */
#include "cover.h"

#include <dirent.h>

static void run(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *bytes = malloc(1 << 20);
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	must(bytes && file, path);
	size = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	uint8_t *exact = malloc(size > 0 ? size : 1); /* a sanitizer sees one byte too many */
	must(exact != NULL, "no memory");
	memcpy(exact, bytes, size);
	free(bytes);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;

	must(folder != NULL, "usage: corpus_NAME FOLDER");
	for (struct dirent *e; (e = readdir(folder));)
		if (e->d_name[0] != '.') {
			run(argv[1], e->d_name);
			count++;
		}
	closedir(folder);
	printf("%u inputs\n", count);
	return count > 0 ? 0 : 1;
}
