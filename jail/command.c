/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/command.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jail/path.h"
#include "jail/say.h"

/* The options of volt(1) that name files. Any other path in a value, such as a plugin's
 * parameter, needs a --file. */
static const struct {
	const char *name;
	unsigned flags;
} file_options[] = {
    {"--kernel", 0},
    {"--initrd", 0},
    {"--allowlist", 0},
    {"--ceiling", 0}, /* its old name */
    {"--log-file", ENTRY_WRITE | ENTRY_CREATE},
    {"--trace-file", ENTRY_WRITE | ENTRY_CREATE},
    {"--plugin-dir", ENTRY_EXEC},
    {"--plugin", ENTRY_EXEC},
};

#define FILE_OPTION_COUNT (sizeof(file_options) / sizeof(file_options[0]))

/* A bare name is the program beside this one; PATH is the caller's and plays no part. */
static int find_program(struct command *c, const char *name)
{
	char self[PATH_MAX], beside[2 * PATH_MAX];
	int err;

	if (strchr(name, '/')) {
		err = path_normalise(name, c->program, sizeof(c->program));
	} else {
		ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

		if (n <= 0)
			return complain(JAIL_HOST, "/proc/self/exe: %s", strerror(errno));
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		snprintf(beside, sizeof(beside), "%s/%s", self, name);
		err = path_normalise(beside, c->program, sizeof(c->program));
	}
	if (err)
		return complain(JAIL_PROGRAM, "%s: %s", name, strerror(-err));
	return 0;
}

static int add_plugin_file(struct command *c, const char *path)
{
	if (c->plugin_count == COMMAND_PLUGIN_MAX)
		return complain(JAIL_PROGRAM, "there are more than %u plugins", COMMAND_PLUGIN_MAX);
	c->plugins[c->plugin_count] = strdup(path);
	if (!c->plugins[c->plugin_count++])
		return complain(JAIL_RESOURCES, "out of memory");
	return 0;
}

static int add_folder_plugins(struct command *c, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int code = 0;

	if (!d)
		return complain(
		    complain_code(JAIL_PROGRAM), "plugin folder %s: %s", dir, strerror(errno));
	while (code == 0 && (e = readdir(d))) {
		char path[2 * PATH_MAX];
		size_t n = strlen(e->d_name);

		if (n <= 3 || strcmp(e->d_name + n - 3, ".so") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		code = add_plugin_file(c, path);
	}
	closedir(d);
	return code;
}

/* Where volt looks when it is not told: see volt(1), --plugin-dir. */
static int plan_default_folder(struct command *c, struct entries *es)
{
	static const char *const beside[] = {JAIL_PLUGIN_DIR_FROM_BIN, "../plugins"};
	char place[2 * PATH_MAX], inside[PATH_MAX], real[PATH_MAX];
	const char *slash = strrchr(c->program, '/');

	for (size_t i = 0; i <= sizeof(beside) / sizeof(beside[0]); i++) {
		if (i < sizeof(beside) / sizeof(beside[0]))
			snprintf(place, sizeof(place), "%.*s/%s", (int)(slash - c->program),
			    c->program, beside[i]);
		else
			snprintf(place, sizeof(place), "%s", JAIL_PLUGIN_DIR);
		if (!realpath(place, real) || path_normalise(place, inside, sizeof(inside)) != 0)
			continue;
		int code = entries_add(es, "plugin folder", JAIL_PROGRAM, real, inside, ENTRY_EXEC);
		return code != 0 ? code : add_folder_plugins(c, real);
	}
	return 0; /* volt says what it misses */
}

static int plan_plugin(struct command *c, struct entries *es, const char *spec)
{
	char path[PATH_MAX];
	size_t n = strcspn(spec, ",");

	if (n >= sizeof(path) || !memchr(spec, '/', n))
		return 0; /* a plain name: the file is in the plugin folder */
	memcpy(path, spec, n);
	path[n] = '\0';
	int code = entries_add(es, "--plugin", JAIL_PROGRAM, path, NULL, ENTRY_EXEC);
	return code != 0 ? code : add_plugin_file(c, path);
}

static int plan_option(
    struct command *c, struct entries *es, size_t which, const char *value, bool *folder_given)
{
	const char *name = file_options[which].name;

	if (strcmp(name, "--plugin") == 0)
		return plan_plugin(c, es, value);
	bool folder = strcmp(name, "--plugin-dir") == 0;
	int code = entries_add(
	    es, name, folder ? JAIL_PROGRAM : JAIL_INPUT, value, NULL, file_options[which].flags);
	if (code != 0 || !folder)
		return code;
	*folder_given = true;
	return add_folder_plugins(c, value);
}

/* "--kernel FILE" and "--kernel=FILE"; *i is left at the last word used. */
static int plan_word(
    struct command *c, struct entries *es, char **words, size_t *i, bool *folder_given)
{
	for (size_t k = 0; k < FILE_OPTION_COUNT; k++) {
		size_t n = strlen(file_options[k].name);

		if (strncmp(words[*i], file_options[k].name, n) != 0)
			continue;
		if (words[*i][n] == '=')
			return plan_option(c, es, k, words[*i] + n + 1, folder_given);
		if (words[*i][n] != '\0')
			continue;
		if (!words[*i + 1])
			return 0; /* volt says that a value is missing */
		return plan_option(c, es, k, words[++*i], folder_given);
	}
	return 0;
}

static int plan_files(const struct options *o, struct entries *es)
{
	char copy[2 * PATH_MAX];
	const char *host, *guest;
	bool writable;

	for (uint32_t i = 0; i < o->file_count; i++) {
		options_split_file(o->files[i], copy, sizeof(copy), &host, &guest, &writable);
		int code = entries_add(es, "--file", JAIL_INPUT, host, guest != host ? guest : NULL,
		    writable ? ENTRY_WRITE : 0);
		if (code != 0)
			return code;
	}
	return 0;
}

int command_plan(struct command *c, const struct options *o, struct entries *es)
{
	bool folder_given = false;
	int code = find_program(c, o->command[0]);

	if (code == 0)
		code = entries_add(es, "program", JAIL_PROGRAM, c->program, NULL, ENTRY_EXEC);
	for (size_t i = 1; code == 0 && o->command[i]; i++)
		code = plan_word(c, es, o->command, &i, &folder_given);
	if (code == 0 && !folder_given)
		code = plan_default_folder(c, es);
	if (code == 0)
		code = plan_files(o, es);
	return code;
}
