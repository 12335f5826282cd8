/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
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

/* volt-doctor is a program of its own: what examines hosts has no place in what runs guests. It is
 * looked for beside this one, and where a build folder has it. */
static int run_doctor(int argc, char **argv)
{
	static const char *const places[] = {"volt-doctor", "../tools/doctor/volt-doctor"};
	char self[PATH_MAX / 2], path[PATH_MAX];
	char *args[16] = {path, (char[]){"--volt"}, self};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	for (int i = 2; i < argc && i < 14; i++)
		args[i + 1] = argv[i];
	self[n > 0 ? n : 0] = '\0';
	for (unsigned i = 0; n > 0 && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(self, '/') - self), self,
		    places[i]);
		execv(path, args);
	}
	log_error(
	    errno, "volt doctor needs the program volt-doctor beside volt: %s", strerror(errno));
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
	if (argc > 1 && strcmp(argv[1], "doctor") == 0)
		return run_doctor(argc, argv);
	int code = options_parse(&options, argc, argv);
	if (code != OPTIONS_GO_ON)
		return code;
	library_set_builtins(builtin_plugins);
	if (library_set_dir(options.plugin_dir) != 0)
		return EXIT_USAGE;
	const char *asked = options_ask_help(&options);
	if (asked != NULL)
		return plugins_print_help(asked) == 0 ? output_end(false) : EXIT_PLUGIN;
	return machine_main(&options);
}
