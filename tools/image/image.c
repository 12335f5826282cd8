/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/image/image.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/misuse.h"
#include "tools/run/image_store.h"
#include "tools/run/tool.h"
#include "tools/standard.h"
#include "tools/verb.h"

#define PROGRAM "volt image"

enum { OPT_SIZE = MISUSE_VAL, OPT_DEBIAN, OPT_INCLUDE, OPT_NAME, OPT_VERSION, OPT_HELP };

static const struct option longs[] = {
    {"size", required_argument, NULL, OPT_SIZE},
    {"debian", required_argument, NULL, OPT_DEBIAN},
    {"include", required_argument, NULL, OPT_INCLUDE},
    {"name", required_argument, NULL, OPT_NAME},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static const char *const names[] = {"create", "import", "list", "remove", "resize", NULL};

static int (*const runs[])(const struct image_request *r) = {
    image_create, image_import, image_list, image_remove, image_resize};

int image_say(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verb_say(PROGRAM, code, fmt, ap);
	va_end(ap);
	return code;
}

void image_progress(const char *name, const char *what)
{
	image_say(IMAGE_DONE, "%s: %s", name, what);
}

static void print_help(void)
{
	puts("usage: volt image create [--size SIZE] NAME\n"
	     "       volt image create --debian SUITE [--include LIST] [--size SIZE] NAME\n"
	     "       volt image import [--name NAME] [--size SIZE] FILE|DIR\n"
	     "       volt image list\n"
	     "       volt image remove NAME...\n"
	     "       volt image resize NAME SIZE\n\n"
	     "Keeps disk images by name, which volt run takes.\n\n"
	     "  create   an empty image, or one with Debian\n"
	     "  import   a raw image, a folder, an archive of a root, or an OCI image\n"
	     "  list     name, size, the room that it takes, and when it was made\n"
	     "  remove   remove images\n"
	     "  resize   change the size, of the ext4 in it too\n\n"
	     "  --size SIZE      of the image, as 4G (create: 1G; else the files and 1G of room)\n"
	     "  --debian SUITE   a Debian root of this suite, as bookworm, by mmdebstrap\n"
	     "  --include LIST   more packages, with commas between\n"
	     "  --name NAME      what it is called (the file's name without its suffix)\n"
	     "  --version        print version and exit\n"
	     "  --help           print this text and exit\n\n"
	     "Exit codes:\n"
	     "  0  done\n"
	     "  1  it failed; a line says why\n"
	     "  2  an option or argument is wrong");
}

bool image_parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 10);
	if (end == text || *text < '0' || *text > '9' || errno)
		return false;
	const char *unit = *end ? strchr(units, *end) : NULL;
	const unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (*end && (!unit || end[1]))
		return false;
	if (*size > UINT64_MAX >> shift >> 1)
		return false;
	*size <<= shift;
	return *size >= 4096 && *size % 4096 == 0;
}

bool image_path(const struct image_request *r, const char *name, char path[PATH_MAX])
{
	if (!image_name_valid(name)) {
		image_say(IMAGE_USAGE,
		    "%s: is not a name: letters, digits, '.', '_' and '-', at most %d", name,
		    IMAGE_NAME_MAX);
		return false;
	}
	snprintf(path, PATH_MAX, "%s/%s" IMAGE_SUFFIX, r->store, name);
	return true;
}

static int take_size(struct image_request *r, const char *text)
{
	if (image_parse_size(text, &r->size))
		return IMAGE_DONE;
	return image_say(IMAGE_USAGE, "--size %s: must be a size as 4G, a multiple of 4096", text);
}

/* -1: go on; else the exit code. */
static int parse(struct image_request *r, int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = misuse_next(argc, argv, "", longs)) != -1) {
		switch (c) {
		case OPT_SIZE:
			if (take_size(r, optarg) != IMAGE_DONE)
				return IMAGE_USAGE;
			break;
		case OPT_DEBIAN:
			r->debian = optarg;
			break;
		case OPT_INCLUDE:
			r->include = optarg;
			break;
		case OPT_NAME:
			r->name = optarg;
			break;
		case OPT_VERSION:
			puts("volt-image " IMAGE_VERSION);
			return IMAGE_DONE;
		case OPT_HELP:
			print_help();
			return IMAGE_DONE;
		default:
			misuse_option(PROGRAM, longs, argv);
			return IMAGE_USAGE;
		}
	}
	return -1;
}

static int run(struct image_request *r, int argc, char **argv)
{
	const int code = parse(r, argc, argv);

	if (code >= 0)
		return code;
	const int verb = verb_find(PROGRAM, names, argv[optind]);
	if (verb < 0)
		return IMAGE_USAGE;
	r->words = argv + optind + 1;
	r->count = argc - optind - 1;
	if (image_folder(r->store, sizeof(r->store)) != 0)
		return image_say(IMAGE_FAILED, "neither XDG_DATA_HOME nor HOME is set");
	return runs[verb](r);
}

int main(int argc, char **argv)
{
	static struct image_request request;

	standard_begin();
	tool_set_path();
	return verb_end(PROGRAM, run(&request, argc, argv), IMAGE_FAILED);
}
