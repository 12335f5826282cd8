/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/option_parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/exitcode.h"
#include "core/base/feature.h"
#include "core/base/log.h"
#include "core/base/output.h"
#include "core/config.h"
#include "core/vm/companion.h"
#include "sdk/common/params.h"

#define ROW_MAX 64 /* for names to be near to */

/* Names that options had before; they are taken, and --help does not list them. */
static const struct {
	const char *old, *name;
} renamed[] = {
    {"ceiling", "allowlist"},
    {"witness", "seccomp-report"},
};

static const struct {
	int code;
	const char *meaning;
} exit_codes[] = {
    {EXIT_POWEROFF, "the guest turned itself off"},
    {EXIT_USAGE, "an option is wrong"},
    {EXIT_INPUT, "kernel, command line or another file refused"},
    {EXIT_PLUGIN, "a plugin or one of its parameters refused"},
    {EXIT_HOST, "the host lacks something that volt needs"},
    {EXIT_RESOURCES, "out of memory or file descriptors"},
    {EXIT_SEAL, "the sandbox could not be entered"},
    {EXIT_KVM, "KVM cannot go on with this guest"},
    {EXIT_RESET, "the guest asked for a reset"},
    {EXIT_TRIPLE, "the guest's CPU shut down (triple fault)"},
    {EXIT_PANIC, "the guest reported a panic"},
    {EXIT_QUIT, "the operator quit at the terminal"},
};

static bool row_built(const struct option_row *row)
{
	return !row->feature || feature_built(row->feature);
}

/* 0, or refuses an option that this build lacks. */
static int check_built(const struct option_row *row)
{
	char what[64];

	if (row_built(row))
		return 0;
	snprintf(what, sizeof(what), "--%s", row->name);
	return feature_refuse(what, row->feature);
}

/* Those of this build: volt starts the programs of other commands in group operate alone. */
static void print_commands(void)
{
	printf("usage: volt --kernel FILE [OPTION...]\n");
	if (VOLT_HAS_AUDIT)
		printf("       volt explain [OPTION...]\n");
	if (VOLT_HAS_OPERATE)
		printf("       volt run [OPTION...] [--] [COMMAND [ARGUMENT...]]\n"
		       "       volt image create|import|list|remove|resize ...\n"
		       "       volt doctor [OPTION...]\n"
		       "       volt ctl NAME|SOCKET [COMMAND [KEY=VALUE...]]\n"
		       "       volt ps|stop|kill|pause|resume|wait|logs|metrics|console [NAME...]\n"
		       "       volt snapshot save|show|verify|check|merge ...\n");
	printf("\nRuns a Linux guest in a sealed microVM.\n");
	if (VOLT_HAS_AUDIT)
		printf("\"volt explain\" prints what it would be allowed to do instead.\n");
	if (VOLT_HAS_OPERATE)
		printf("\"volt run\" runs one command in a VM of its own, \"volt doctor\" tells\n"
		       "whether this host runs guests; the others list, command, save and stop\n"
		       "VMs that run.\n");
	printf("\n");
}

static int print_help(void)
{
	print_commands();
	for (size_t i = 0; option_rows[i].name; i++) {
		char left[64];

		if (!row_built(&option_rows[i]))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", option_rows[i].name,
		    option_rows[i].value ? " " : "",
		    option_rows[i].value ? option_rows[i].value : "");
		if (strlen(left) > 22)
			printf("  %s\n  %22s  %s\n", left, "", option_rows[i].help);
		else
			printf("  %-22s  %s\n", left, option_rows[i].help);
	}
	printf("\nWithout --plugin these are loaded: %s.\n"
	       "With it only those named, and the sandbox plugin.\n\nExit codes:\n",
	    VOLT_DEFAULT_PLUGINS_TEXT);
	for (size_t i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++)
		printf("  %3d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
	printf("  128 + N  ended by signal N\n"
	       "  any other: the status that the guest ended itself with\n");
	return output_end(false);
}

static int print_version(char **rest)
{
	if (rest[0]) {
		log_error(EINVAL, "--version: nothing goes with it: \"%s\"", rest[0]);
		return EXIT_USAGE;
	}
	printf("volt %s, plugin ABI %u.%u\n", VOLT_VERSION, VOLT_ABI_MAJOR, VOLT_ABI_MINOR);
	return output_end(false);
}

/* What other monitors call it, and what is likely meant. */
static const struct {
	const char *name, *hint;
} foreign[] = {
    {"m", "it is --memory SIZE"},
    {"mem", "it is --memory SIZE"},
    {"smp", "it is --cpus N"},
    {"vcpus", "it is --cpus N"},
    {"disk", "it is a --plugin; --plugin help lists them"},
    {"drive", "it is a --plugin; --plugin help lists them"},
    {"net", "it is a --plugin; --plugin help lists them"},
    {"netdev", "it is a --plugin; --plugin help lists them"},
    {"device", "it is a --plugin; --plugin help lists them"},
    {"config-file", "it is --config FILE"},
    {"h", "see volt --help"},
    {"V", "see volt --version"},
};

static const char *foreign_hint(const char *name)
{
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (strcmp(foreign[i].name, name) == 0)
			return foreign[i].hint;
	return NULL;
}

static void say_unknown(const char *typed)
{
	const char *names[ROW_MAX] = {NULL};
	char name[64];

	for (size_t i = 0; option_rows[i].name && i + 1 < ROW_MAX; i++)
		names[i] = option_rows[i].name;
	snprintf(name, sizeof(name), "%s", typed + strspn(typed, "-"));
	name[strcspn(name, "=")] = '\0';
	const char *hint = foreign_hint(name);
	if (hint) {
		log_error(EINVAL, "unknown option %s: %s", typed, hint);
		return;
	}
	const char *near = nearest_name(name, names);
	log_error(EINVAL, "unknown option %s%s%s%s", typed, near ? "; did you mean --" : "",
	    near ? near : "", near ? "?" : "; see volt --help");
}

static bool is_name(const char *name, const char *text, size_t n)
{
	return strlen(name) == n && strncmp(name, text, n) == 0;
}

static const struct option_row *find_name(const char *name, size_t n)
{
	for (size_t i = 0; option_rows[i].name; i++)
		if (is_name(option_rows[i].name, name, n))
			return &option_rows[i];
	return NULL;
}

/* By its whole name: of a beginning a later option could change the sense, so no getopt here. */
const struct option_row *options_find(const char *typed)
{
	size_t n = strcspn(typed, "=");

	if (strncmp(typed, "--", 2) != 0)
		return NULL;
	const char *name = typed + 2;
	n -= 2;
	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
		if (is_name(renamed[i].old, name, n))
			return find_name(renamed[i].name, strlen(renamed[i].name));
	return find_name(name, n);
}

/* How many arguments the option at argv[0] takes; 0: none is there. -EINVAL, which is logged. */
static int next_option(char **argv, const struct option_row **row, const char **value)
{
	const char *typed = argv[0];

	*value = "";
	if (!typed || typed[0] != '-' || typed[1] == '\0')
		return 0;
	*row = options_find(typed);
	if (!*row) {
		say_unknown(typed);
		return -EINVAL;
	}
	const char *equals = strchr(typed, '=');
	if (!(*row)->value)
		return !equals ? 1 : log_error(EINVAL, "--%s takes no value", (*row)->name);
	*value = equals ? equals + 1 : argv[1];
	if (!*value)
		return log_error(EINVAL, "--%s needs a value", (*row)->name);
	return equals ? 1 : 2;
}

static const char *find_help(const char *const *specs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(specs[i], "help") == 0 ||
		    strcmp(specs[i] + strcspn(specs[i], ","), ",help") == 0)
			return specs[i];
	return NULL;
}

const char *options_help_spec(const struct options *o)
{
	const char *spec = find_help(o->plugins, o->plugin_count);

	return spec ? spec : find_help(o->filters, o->filter_count);
}

static int check_snapshot(const struct options *o)
{
	if (!VOLT_HAS_SNAPSHOT)
		return 0;
	if (o->restore && (o->kernel || o->initrd || o->cmdline || o->append || o->module_count))
		return log_error(EINVAL,
		    "--restore: the kernel, and what goes with it, is in the snapshot's memory: "
		    "leave out --kernel, --initrd, --module, --cmdline and --append");
	if (o->restore_wait && !o->restore)
		return log_error(EINVAL, "--restore-wait goes with --restore");
	if (o->restore && o->cpu)
		return log_error(EINVAL,
		    "--restore: the features of the vCPUs are the snapshot's: leave out --cpu");
	if (o->restore && (o->hugepages || o->kernel_memory != BOOT_FILES_AUTO))
		return log_error(EINVAL,
		    "--restore: the memory is mapped from the snapshot: leave out --hugepages and "
		    "--kernel-memory");
	if (o->snapshot && o->kernel_memory == BOOT_FILES_MAP)
		return log_error(EINVAL, "--kernel-memory map: with --snapshot it is copied");
	return 0;
}

/* What options must be to each other. */
static int check_together(const struct options *o)
{
	if (o->hugepages && o->memory % (2u << 20) != 0)
		return log_error(EINVAL,
		    "--memory: %llu bytes is not a multiple of 2M, as --hugepages needs",
		    (unsigned long long)o->memory);
	if (o->hugepages && o->kernel_memory == BOOT_FILES_MAP)
		return log_error(
		    EINVAL, "--kernel-memory map: a file cannot be mapped into --hugepages");
	if (check_snapshot(o) != 0)
		return -EINVAL;
	if (!o->kernel && !o->restore && !o->explain && !options_help_spec(o))
		return log_error(EINVAL, "no kernel given: volt --kernel FILE; see volt --help");
	if (o->json && !o->explain)
		return log_error(EINVAL, "--json goes with volt explain");
	return 0;
}

static void refuse_word(const char *word)
{
	static const char *const own[] = {"explain", NULL};
	const char *near = nearest_name(word, own);

	if (!near)
		near = nearest_name(word, companion_words);

	if (near)
		log_error(EINVAL,
		    "\"%s\" is not an option; did you mean \"volt %s\", as the first word?", word,
		    near);
	else
		log_error(
		    EINVAL, "\"%s\" is not an option: a kernel is given as --kernel FILE", word);
}

int options_parse(struct options *o, int argc, char **argv)
{
	const struct option_row *row;
	const char *value;
	int used = 0;

	*o = (struct options){.memory = 128ull << 20, .cpus = 1};
	argv += argc > 0;
	if (argv[0] && strcmp(argv[0], "explain") == 0) {
		if (!VOLT_HAS_AUDIT) {
			feature_refuse("volt explain", "features=audit");
			return EXIT_USAGE;
		}
		o->explain = true;
		argv++;
	}
	while (!argv[0] || strcmp(argv[0], "--") != 0) {
		used = next_option(argv, &row, &value);
		if (used <= 0)
			break;
		if (row->print == OPTION_PRINTS_HELP)
			return print_help();
		if (row->print == OPTION_PRINTS_VERSION)
			return print_version(argv + used);
		int err = check_built(row);
		err = err ? err : row->set(o, row, value);
		if (err)
			return VOLT_HAS_SNAPSHOT && err > 0 ? err : EXIT_USAGE;
		argv += used;
	}
	if (used < 0)
		return EXIT_USAGE;
	argv += argv[0] && strcmp(argv[0], "--") == 0;
	if (argv[0]) {
		refuse_word(argv[0]);
		return EXIT_USAGE;
	}
	return check_together(o) != 0 ? EXIT_USAGE : OPTIONS_GO_ON;
}
