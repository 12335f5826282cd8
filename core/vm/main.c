/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/output.h"
#include "core/base/sealed.h"
#include "core/base/trace.h"
#include "core/plugin/builtin.h"
#include "core/plugin/library.h"
#include "core/vm/inherit.h"
#include "core/vm/machine.h"
#include "core/vm/options.h"
#include "core/vm/plugins.h"

/* Programs of their own that volt starts: what examines hosts or talks to VMs has no place in what
 * runs guests. */
static const struct companion {
	const char *word, *program, *built; /* as typed; installed; in a build folder */
	bool wants_volt;                    /* gets --volt and this program's path */
} companions[] = {
    {"doctor", "volt-doctor", "../tools/doctor/volt-doctor", true},
    {"ctl", "volt-ctl", "../tools/ctl/volt-ctl", false},
};

/* Looked for beside this program, and where a build folder has it. */
static int run_companion(const struct companion *c, int argc, char **argv)
{
	const char *const places[] = {c->program, c->built};
	char self[PATH_MAX / 2], path[PATH_MAX];
	static char option[] = "--volt";
	char **args = calloc((size_t)argc + 3, sizeof(*args));
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int count = 0;

	if (args == NULL)
		return EXIT_RESOURCES;
	self[n > 0 ? n : 0] = '\0';
	args[count++] = path;
	if (c->wants_volt) {
		args[count++] = option;
		args[count++] = self;
	}
	for (int i = 2; i < argc; i++)
		args[count++] = argv[i];
	for (unsigned i = 0; n > 0 && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(self, '/') - self), self,
		    places[i]);
		execv(path, args);
	}
	log_error(errno, "volt %s needs the program %s beside volt: %s", c->word, c->program,
	    strerror(errno));
	free(args);
	return EXIT_HOST;
}

int main(int argc, char **argv)
{
	static struct options options;

	clock_init();
	trace_init();
	log_init();
	if (sealed_protect_constants() != 0)
		return EXIT_HOST;
	if (inherit_clean(argv) != 0)
		return log_saw_shortage() ? EXIT_RESOURCES : EXIT_HOST;
	for (unsigned i = 0; argc > 1 && i < sizeof(companions) / sizeof(companions[0]); i++)
		if (strcmp(argv[1], companions[i].word) == 0)
			return run_companion(&companions[i], argc, argv);
	int code = options_parse(&options, argc, argv);
	if (code != OPTIONS_GO_ON)
		return code;
	library_set_builtins(builtin_plugins);
	if (library_set_dir(options.plugin_dir) != 0)
		return EXIT_USAGE;
	const char *asked = options_help_spec(&options);
	if (asked != NULL)
		return plugins_print_help(asked) == 0 ? output_end(false) : EXIT_PLUGIN;
	return machine_main(&options);
}
