/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "cases.h"

const struct check_case check_cases[] = {
    {
	.name = "file",
	.what = "note, one symbol, RELRO, BIND_NOW, no executable stack, nothing runs at load",
	.run = case_file,
	.unloaded = true,
    },
    {
	.name = "statics",
	.what = "no writable static data",
	.run = case_statics,
	.after = {"file"},
	.unloaded = true,
    },
    {
	.name = "load",
	.what = "note and descriptor agree; no memory is writable and executable",
	.run = case_load,
	.after = {"file"},
    },
    {
	.name = "descriptor",
	.what = "names, tables, bounds, defaults, help texts, needs, extensions",
	.run = case_descriptor,
	.after = {"load"},
    },
    {
	.name = "init",
	.what = "an instance with default parameters starts and ends",
	.run = case_init,
	.after = {"descriptor"},
    },
    {
	.name = "parameters",
	.what = "default, minimum, maximum and just outside of each",
	.run = case_parameters,
	.after = {"init"},
    },
    {
	.name = "leaks",
	.what = "a hundred instances leave no descriptor, thread, handler or memory",
	.run = case_leaks,
	.after = {"init"},
    },
    {
	.name = "failures",
	.what = "init fails cleanly wherever the host or memory fails",
	.run = case_failures,
	.after = {"parameters", "leaks"},
    },
    {
	.name = "random",
	.what = "random accesses, time and input",
	.run = case_random,
	.after = {"init", "statics"},
	.kinds = CHECK_KIND_DRIVEN,
    },
    {
	.name = "seal",
	.what = "nothing is wired after the seal",
	.run = case_seal,
	.after = {"random"},
	.kinds = CHECK_KIND_DRIVEN,
    },
    {
	.name = "needs",
	.what = "system calls are those of its needs",
	.run = case_needs,
	.after = {"random"},
	.kinds = CHECK_KIND_DRIVEN,
    },
    {
	.name = "repeat",
	.what = "the same accesses twice are answered alike",
	.run = case_repeat,
	.after = {"random", "needs"},
	.kinds = CHECK_KIND_DRIVEN,
    },
    {
	.name = "reset",
	.what = "a reset brings power-on values back",
	.run = case_reset,
	.after = {"repeat"},
	.kinds = CHECK_KIND(VOLT_KIND_DEVICE),
    },
    {
	.name = "instances",
	.what = "two instances at once are strangers",
	.run = case_instances,
	.after = {"repeat"},
	.kinds = CHECK_KIND_DRIVEN,
    },
    {
	.name = "state",
	.what = "saved, restored and saved again is the same; corrupted states do no harm",
	.run = case_state,
	.after = {"repeat"},
	.kinds = CHECK_KIND_DRIVEN,
    },
    {
	.name = "sandbox",
	.what = "what the policy allows works, the rest kills",
	.run = case_sandbox,
	.after = {"init"},
	.kinds = CHECK_KIND(VOLT_KIND_SANDBOX),
    },
};

const unsigned check_case_count = sizeof(check_cases) / sizeof(check_cases[0]);
