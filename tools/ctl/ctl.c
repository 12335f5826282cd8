/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt-ctl: talks to running VMs. `volt ctl` gives one a command through the socket of its control
 * plugin; the rest is verbs.h. A program of its own, run by volt, so that the monitor carries none
 * of it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/connection.h"
#include "tools/ctl/verbs.h"
#include "tools/misuse.h"
#include "tools/standard.h"

#define TIMEOUT_S 10

struct options {
	bool json;
	unsigned timeout;
	const char *socket, *command;
	char **args;
};

enum { OPT_JSON = MISUSE_VAL, OPT_TIMEOUT, OPT_VERSION, OPT_HELP };

static const struct option longs[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void print_help(void)
{
	puts(
	    "usage: volt ctl [--json] [--timeout SECONDS] NAME|SOCKET [COMMAND [KEY=VALUE...]]\n\n"
	    "Gives a command to the VM called NAME, or to the one whose plugin control listens on\n"
	    "SOCKET, and prints what it answers. Without a command it lists those that there "
	    "are.\n\n"
	    "  volt ctl web                              list instances and commands\n"
	    "  volt ctl web vm.status                    call a command: INSTANCE.COMMAND\n"
	    "  volt ctl web vm.log-level level=debug     with arguments\n"
	    "  volt ctl ./vm.sock events                 print events until the VM ends\n\n"
	    "  --json             print the answer as JSON, a line for each\n"
	    "  --timeout SECONDS  give up after so long without an answer (default 10)\n"
	    "  --version          print version and exit\n"
	    "  --help             print this text and exit\n\n"
	    "Exit codes:\n"
	    "  0  done\n"
	    "  1  the VM refused the command\n"
	    "  2  an option or argument is wrong\n"
	    "  3  the VM cannot be reached, or did not answer\n"
	    "  4  the output could not be written");
}

/* ----------------------------------------------------------------- printing */

static const char *text_of(struct json_object *o, const char *name)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(o, name, &member);
	return member ? json_object_get_string(member) : "";
}

static bool is_set(struct json_object *o, const char *name)
{
	struct json_object *member;

	return json_object_object_get_ex(o, name, &member);
}

static void print_line(struct json_object *message)
{
	puts(json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN));
}

static void print_object(struct json_object *o, const char *between, const char *end)
{
	bool first = true;

	json_object_object_foreach(o, name, value)
	{
		fputs(first ? "" : between, stdout);
		verb_print_safely(name);
		putchar('=');
		verb_print_safely(value ? json_object_get_string(value) : "null");
		first = false;
	}
	fputs(first ? "" : end, stdout);
}

static void print_result(struct json_object *result)
{
	if (!json_object_is_type(result, json_type_array)) {
		print_object(result, "\n", "\n");
		return;
	}
	for (size_t i = 0; i < json_object_array_length(result); i++)
		print_object(json_object_array_get_idx(result, i), "\t", "\n");
}

static void print_arg(struct json_object *arg)
{
	const bool needed = !is_set(arg, "default");
	const char *what = is_set(arg, "choices") ? text_of(arg, "choices") : text_of(arg, "type");

	printf("      %s=%s  %s", text_of(arg, "name"), what, text_of(arg, "help"));
	if (needed)
		puts(" (required)");
	else
		printf(" (default %s)\n", text_of(arg, "default"));
}

static void print_commands(struct json_object *instance)
{
	struct json_object *commands = NULL;

	json_object_object_get_ex(instance, "commands", &commands);
	printf("%s (%s)\n", text_of(instance, "id"), text_of(instance, "plugin"));
	for (size_t i = 0; commands && i < json_object_array_length(commands); i++) {
		struct json_object *command = json_object_array_get_idx(commands, i), *args = NULL;

		printf("  %s.%s  %s\n", text_of(instance, "id"), text_of(command, "name"),
		    text_of(command, "help"));
		json_object_object_get_ex(command, "args", &args);
		for (size_t k = 0; args && k < json_object_array_length(args); k++)
			print_arg(json_object_array_get_idx(args, k));
	}
}

static void print_list(struct json_object *result)
{
	struct json_object *instances = NULL;

	json_object_object_get_ex(result, "instances", &instances);
	for (size_t i = 0; instances && i < json_object_array_length(instances); i++)
		print_commands(json_object_array_get_idx(instances, i));
}

static void print_event(const struct options *o, struct json_object *message)
{
	struct json_object *params = NULL;

	if (o->json) {
		print_line(message);
	} else if (json_object_object_get_ex(message, "params", &params)) {
		verb_print_safely(text_of(params, "source"));
		putchar(' ');
		verb_print_safely(text_of(params, "name"));
		fputs(*text_of(params, "text") ? ": " : "", stdout);
		verb_print_safely(text_of(params, "text"));
		putchar('\n');
	}
	fflush(stdout);
}

/* ------------------------------------------------------------------ calling */

static int unreached(const struct options *o, int err)
{
	const char *hint = err == -ENOENT || err == -ECONNREFUSED
			       ? "; is a volt with --name, or with --plugin "
				 "control,socket=unix:..., running?"
			       : "";

	fprintf(stderr, "volt ctl: %s: cannot reach the VM: %s%s\n", o->socket,
	    err == -EPROTO ? "it does not speak JSON-RPC" : strerror(-err), hint);
	return CTL_UNREACHED;
}

/* "key=value" words as an object; NULL and a message for another word. */
static struct json_object *make_params(char **words)
{
	struct json_object *params = json_object_new_object();

	for (; *words; words++) {
		char *value = strchr(*words, '=');

		if (!value || value == *words) {
			fprintf(stderr, "volt ctl: %s: must be KEY=VALUE\n", *words);
			json_object_put(params);
			return NULL;
		}
		*value++ = '\0';
		if (is_set(params, *words)) {
			fprintf(stderr, "volt ctl: %s: given twice\n", *words);
			json_object_put(params);
			return NULL;
		}
		json_object_object_add(params, *words, json_object_new_string(value));
	}
	return params;
}

/* The answer's result, or NULL and the exit code in *code. */
static struct json_object *take_result(
    const struct options *o, struct json_object *answer, int *code)
{
	struct json_object *result = NULL, *error = NULL;

	*code = CTL_DONE;
	if (json_object_object_get_ex(answer, "result", &result))
		return result;
	*code = CTL_FAILED;
	json_object_object_get_ex(answer, "error", &error);
	if (o->json)
		print_line(error ? error : answer);
	fprintf(stderr, "volt ctl: %s: %s\n", o->command ? o->command : "list",
	    error ? text_of(error, "message") : "the answer has neither result nor error");
	return NULL;
}

static int follow_events(const struct options *o, struct connection *c)
{
	struct json_object *message;
	int err = connection_be_patient(c);

	while (!err && !(err = connection_read(c, &message))) {
		print_event(o, message);
		json_object_put(message);
	}
	return err == -ECONNRESET ? CTL_DONE : unreached(o, err);
}

static int call(const struct options *o, struct connection *c, struct json_object *params)
{
	const char *method = o->command ? o->command : "list";
	struct json_object *answer = NULL;
	int err = connection_send(c, method, params), code;

	if (err)
		return unreached(o, err);
	err = connection_read(c, &answer);
	if (err) {
		json_object_put(answer);
		return unreached(o, err);
	}
	struct json_object *result = take_result(o, answer, &code);
	const bool events = strcmp(method, "events") == 0;
	if (result && o->json && !events)
		print_line(result);
	else if (result && !o->command)
		print_list(result);
	else if (result && !events)
		print_result(result);
	json_object_put(answer);
	return result && events ? follow_events(o, c) : code;
}

/* ------------------------------------------------------------------ options */

static int take_timeout(struct options *o, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || *text == '-' || n < 1 || n > 86400) {
		fprintf(stderr, "volt ctl: --timeout %s: must be 1 to 86400 seconds\n", text);
		return -EINVAL;
	}
	o->timeout = (unsigned)n;
	return 0;
}

/* -1: go on; else the exit code. */
static int parse(struct options *o, int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = misuse_next(argc, argv, "+", longs)) != -1) {
		switch (c) {
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_TIMEOUT:
			if (take_timeout(o, optarg))
				return CTL_USAGE;
			break;
		case OPT_VERSION:
			puts("volt-ctl " CTL_VERSION);
			return CTL_DONE;
		case OPT_HELP:
			print_help();
			return CTL_DONE;
		default:
			misuse_option("volt ctl", longs, argv);
			return CTL_USAGE;
		}
	}
	if (optind == argc) {
		fputs("volt ctl: no VM given: volt ctl NAME|SOCKET [COMMAND [KEY=VALUE...]]\n",
		    stderr);
		return CTL_USAGE;
	}
	o->socket = argv[optind++];
	o->command = argv[optind];
	o->args = argv[optind] ? &argv[optind + 1] : &argv[optind];
	return -1;
}

/* A word without a slash is a name first. */
static int open_vm(const struct options *o, struct connection *c)
{
	struct vm v;

	if (strchr(o->socket, '/') || vm_open(&v, o->socket))
		return connection_open(c, o->socket, o->timeout);
	const int err = connection_open(c, vm_text(&v, "socket"), o->timeout);
	vm_close(&v);
	return err;
}

static int run_ctl(int argc, char **argv)
{
	struct options o = {.timeout = TIMEOUT_S};
	struct connection c;
	int code = parse(&o, argc, argv);

	if (code >= 0)
		return code;
	struct json_object *params = make_params(o.args);
	if (!params)
		return CTL_USAGE;
	const int err = open_vm(&o, &c);
	code = err ? unreached(&o, err) : call(&o, &c, params);
	if (!err)
		connection_close(&c);
	json_object_put(params);
	return code;
}

int main(int argc, char **argv)
{
	standard_begin();
	const bool named = argc > 1 && strcmp(argv[1], "ctl") == 0;
	const bool verb = argc > 1 && verb_knows(argv[1]);
	const int code = verb    ? verb_run(argc - 1, argv + 1)
			 : named ? run_ctl(argc - 1, argv + 1)
				 : run_ctl(argc, argv);

	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "volt ctl: cannot write the output: %s\n", strerror(errno));
		return CTL_OUTPUT;
	}
	return code;
}
