/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/companion.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"

#define MANAGER "volt-ctl", "../tools/ctl/volt-ctl"
#define CONFIG  "volt-config", "../tools/config/volt-config"

/* In the order of companion_words. */
static const struct companion {
	const char *program, *built; /* installed; in a build folder */
	bool wants_volt;             /* gets --volt and this program's path */
	bool wants_word;             /* gets the word that was typed */
	bool wants_environment;
} companions[] = {
    {"volt-doctor", "../tools/doctor/volt-doctor", true, false},
    {"volt-snapshot", "../tools/snapshot/volt-snapshot", true, false},
    {"volt-run", "../tools/run/volt-run", .wants_volt = true, .wants_environment = true},
    {"volt-image", "../tools/image/volt-image", .wants_environment = true},
    {CONFIG, true, true, true},
    {CONFIG, true, true, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
    {MANAGER, false, true},
};

#define COUNT (sizeof(companions) / sizeof(companions[0]))

const char *const companion_words[] = {"doctor", "snapshot", "run", "image", "--config",
    "--print-config", "ctl", "ps", "stop", "kill", "pause", "resume", "logs", "metrics", "wait",
    "console", NULL};

_Static_assert(sizeof(companion_words) / sizeof(companion_words[0]) == COUNT + 1, "one for each");

static const struct companion *find(const char *word)
{
	const size_t len = strncmp(word, "--", 2) == 0 ? strcspn(word, "=") : strlen(word);

	for (size_t i = 0; i < COUNT; i++)
		if (strlen(companion_words[i]) == len &&
		    strncmp(companion_words[i], word, len) == 0)
			return &companions[i];
	return NULL;
}

static const char *word_of(int argc, char **argv)
{
	return argv[argc > 2 && strcmp(argv[1], "explain") == 0 ? 2 : 1];
}

bool companion_is_called(int argc, char **argv)
{
	return argc > 1 && find(word_of(argc, argv));
}

bool companion_wants_environment(int argc, char **argv)
{
	const struct companion *c = argc > 1 ? find(word_of(argc, argv)) : NULL;

	return c && c->wants_environment;
}

static char self[PATH_MAX / 2], path[PATH_MAX];

/* Returns if neither is there. */
static void become(const char *asked, const char *program, const char *built, char **args)
{
	const char *const places[] = {program, built};

	for (size_t i = 0; self[0] && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(self, '/') - self), self,
		    places[i]);
		execv(path, args);
	}
	log_error(
	    errno, "volt %s needs the program %s beside volt: %s", asked, program, strerror(errno));
}

static void find_self(void)
{
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
}

static char option_volt[] = "--volt";

int companion_become(const char *asked, const char *program, const char *built, char **args)
{
	find_self();
	args[0] = path;
	args[1] = option_volt;
	args[2] = self;
	become(asked, program, built, args);
	free(args);
	return EXIT_HOST;
}

int companion_run(int argc, char **argv, const char *runtime_dir)
{
	const struct companion *c = find(word_of(argc, argv));
	char **args = c ? calloc((size_t)argc + 4, sizeof(*args)) : NULL;
	int count = 0;

	if (!args)
		return EXIT_RESOURCES;
	find_self();
	args[count++] = path;
	if (c->wants_volt) {
		args[count++] = option_volt;
		args[count++] = self;
	}
	for (int i = c->wants_word ? 1 : 2; i < argc; i++)
		args[count++] = argv[i];
	if (runtime_dir)
		setenv("XDG_RUNTIME_DIR", runtime_dir, 1);
	become(argv[1], c->program, c->built, args);
	free(args);
	return EXIT_HOST;
}
