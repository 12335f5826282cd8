/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "parts.h"

static char output[65536];

/* Runs a line in a child as init does, or those of `input` as at a prompt without terminal; the
 * status, what it printed is in output. */
static int run_with(const char *line, FILE *input)
{
	int ends[2], status;
	size_t len = 0;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		if (!input)
			_exit(shell_run(line));
		dup2(fileno(input), STDIN_FILENO);
		_exit(shell_main(1, NULL));
	}
	close(ends[1]);
	while ((n = read(ends[0], output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return command_status(status);
}

static int run(const char *line)
{
	return run_with(line, NULL);
}

static void assert_prints(const char *line, const char *expected)
{
	run(line);
	assert_string_equal(output, expected);
}

static int enter_folder(void **state)
{
	static char folder[] = "/tmp/test-shell-XXXXXX";

	*state = folder;
	return !mkdtemp(folder) || chdir(folder);
}

static int leave_folder(void **state)
{
	char line[64];

	snprintf(line, sizeof(line), "rm -r %s", (const char *)*state);
	return chdir("/") || run(line);
}

static void status_of_the_last_command_counts(void **state)
{
	assert_int_equal(run("false; true"), 0);
	assert_int_equal(run("true; false"), 1);
	assert_int_equal(run("exit 7"), 7);
	assert_int_equal(run("false | true"), 0);
}

static void and_or_run_what_they_should(void **state)
{
	assert_prints("true && echo a || echo b", "a\n");
	assert_prints("false && echo a || echo b", "b\n");
	assert_prints("true || echo a && echo b", "b\n");
	assert_prints("false || false; echo $?", "1\n");
}

static void a_missing_program_is_127(void **state)
{
	assert_int_equal(run("no-such-program-here"), 127);
	assert_non_null(strstr(output, "no-such-program-here"));
}

static void a_program_that_cannot_run_is_126(void **state)
{
	assert_int_equal(run("/tmp"), 126);
}

static void a_killed_program_is_128_and_its_signal(void **state)
{
	assert_int_equal(run("/bin/sh -c 'kill -9 $$'"), 137);
}

static void a_syntax_error_runs_nothing(void **state)
{
	assert_int_equal(run("echo a; echo 'b"), 2);
	assert_null(strstr(output, "a\n"));
}

static void variables_can_be_set(void **state)
{
	assert_prints(
	    "X='1 2'; echo ${X}3; export Y=4; echo $Y; unset X; echo \"[$X]\"", "1 23\n4\n[]\n");
}

static void redirections_and_pipes_carry_bytes(void **state)
{
	assert_prints("echo one > f; echo two >> f; cat < f | cat", "one\ntwo\n");
	assert_prints("ls /none 2> e; echo $?; rm e f", "1\n");
}

static void files_can_be_made_copied_moved_and_removed(void **state)
{
	assert_int_equal(run("mkdir -p a/b && echo x > a/f && cp a/f a/b && mv a/b/f a/b/g"), 0);
	assert_prints("ls a a/b", "a:\nb\nf\na/b:\ng\n");
	assert_prints("ln -s g a/b/l && cat a/b/l", "x\n");
	assert_int_equal(run("rm a"), 1);
	assert_int_equal(run("rm -r a && ls a"), 1);
	assert_int_equal(run("rm -f a"), 0);
}

static void a_file_copied_onto_itself_stays(void **state)
{
	assert_int_equal(run("echo x > f; ln -s f l; cp f f"), 1);
	assert_int_equal(run("cp f l"), 1);
	assert_prints("cat f; rm f l", "x\n");
}

static void long_texts_are_printed_whole(void **state)
{
	char line[3200] = "X=";

	memset(line + 2, 'x', 3000);
	strcpy(line + 3002, "; echo $X");
	run(line);
	assert_int_equal(strlen(output), 3001);
	strcpy(line + 3002, "; export X; env");
	run(line);
	const char *at = strstr(output, "X=xxx");
	assert_non_null(at);
	assert_int_equal(strcspn(at, "\n"), 3002);
}

/* What was cut off could change what it does: "rm -r /mnt/..." */
static void a_line_that_is_too_long_is_not_run(void **state)
{
	FILE *input = tmpfile();

	assert_non_null(input);
	fprintf(input, "echo %05000d\necho $?\n", 1);
	rewind(input);
	assert_int_equal(run_with(NULL, input), 0);
	assert_string_equal(output, "volt-init: syntax error: line too long\n2\n");
	fclose(input);
}

static void hexdump_prints_offset_bytes_and_text(void **state)
{
	assert_prints("echo 0123456789abcdefg | hexdump",
	    "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
	    "00000010  67 0a                                            |g.|\n");
}

static void cd_changes_where_programs_run(void **state)
{
	assert_prints("cd /usr; pwd; cd /nowhere || pwd",
	    "/usr\nvolt-init: cd: /nowhere: No such file or directory\n/usr\n");
}

static void exec_becomes_the_program(void **state)
{
	assert_int_equal(run("exec /bin/sh -c 'exit 9'; echo not"), 9);
	assert_string_equal(output, "");
}

static void exec_and_its_like_are_redirected_too(void **state)
{
	assert_prints("exec /bin/echo a > f", "");
	assert_prints("cat f", "a\n");
	assert_prints("cd /nowhere 2> f; echo b", "b\n");
	assert_prints("cat f; rm f", "volt-init: cd: /nowhere: No such file or directory\n");
	assert_int_equal(run("cd / < none"), 1);
}

static void a_failed_exec_tells_why_as_any_program(void **state)
{
	assert_int_equal(run("exec /tmp"), 126);
	assert_int_equal(run("exec no-such-program-here"), 127);
	assert_int_equal(run("no-such-program-here 2> /dev/full"), 127);
}

/* As command_start() calls /bin/sh, which may be this shell. */
static void a_name_and_arguments_may_follow_the_line(void **state)
{
	static char name[] = "sh", c[] = "-c", line[] = "cd /nowhere", own[] = "volt-init",
		    arg[] = "a";
	char *few[] = {name, c, line, NULL}, *many[] = {name, c, line, own, arg, NULL};
	char *none[] = {name, c, NULL};

	assert_int_equal(shell_main(3, few), 1);
	assert_int_equal(shell_main(5, many), 1);
	assert_int_equal(shell_main(2, none), 2);
}

static void wrong_arguments_print_the_usage(void **state)
{
	static const char *const lines[] = {"exit a", "exit 1 2", "mkdir", "rm", "ls -z", "kill",
	    "sleep", "sleep x", "cp a", "ln a", "mount a", "umount", "insmod", "rmmod", "outb",
	    "outb 0xf4,256", "kill -X 1"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(run(lines[i]), 2);
		assert_non_null(strstr(output, "usage: "));
	}
}

static void facts_of_the_machine_print_as_numbers(void **state)
{
	char *end;

	assert_int_equal(run("cpus"), 0);
	assert_int_equal(strtol(output, &end, 10), sysconf(_SC_NPROCESSORS_ONLN));
	assert_string_equal(end, "\n");
	assert_int_equal(run("mem"), 0);
	assert_true(strtol(output, &end, 10) > 0);
	assert_string_equal(end, " kB\n");
	assert_int_equal(run("free | cat; uname -r; uptime; ps > ps; cat /dev/null"), 0);
}

static void help_names_every_command_once(void **state)
{
	assert_int_equal(run("help"), 0);
	assert_non_null(strstr(output, "\n  poweroff "));
	assert_non_null(strstr(output, "\n  cd "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(status_of_the_last_command_counts),
	    cmocka_unit_test(and_or_run_what_they_should),
	    cmocka_unit_test(a_missing_program_is_127),
	    cmocka_unit_test(a_program_that_cannot_run_is_126),
	    cmocka_unit_test(a_killed_program_is_128_and_its_signal),
	    cmocka_unit_test(a_syntax_error_runs_nothing),
	    cmocka_unit_test(variables_can_be_set),
	    cmocka_unit_test(redirections_and_pipes_carry_bytes),
	    cmocka_unit_test(files_can_be_made_copied_moved_and_removed),
	    cmocka_unit_test(a_file_copied_onto_itself_stays),
	    cmocka_unit_test(long_texts_are_printed_whole),
	    cmocka_unit_test(a_line_that_is_too_long_is_not_run),
	    cmocka_unit_test(hexdump_prints_offset_bytes_and_text),
	    cmocka_unit_test(cd_changes_where_programs_run),
	    cmocka_unit_test(exec_becomes_the_program),
	    cmocka_unit_test(exec_and_its_like_are_redirected_too),
	    cmocka_unit_test(a_failed_exec_tells_why_as_any_program),
	    cmocka_unit_test(a_name_and_arguments_may_follow_the_line),
	    cmocka_unit_test(wrong_arguments_print_the_usage),
	    cmocka_unit_test(facts_of_the_machine_print_as_numbers),
	    cmocka_unit_test(help_names_every_command_once),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
