/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* rename */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shell.h"
#include "small.h"
#include "text.h"

enum { CHUNK = 16384 };

/* The last component of a path, as cp and mv append it to a directory. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Leading one-letter options out of allowed, as bits in that order; -1 if there is another. */
static int options(int *argc, char ***argv, const char *allowed)
{
	int bits = 0;

	for (; *argc > 1 && (*argv)[1][0] == '-' && (*argv)[1][1]; --*argc, ++*argv) {
		for (const char *c = (*argv)[1] + 1; *c; c++) {
			const char *at = strchr(allowed, *c);
			if (!at)
				return -1;
			bits |= 1 << (at - allowed);
		}
	}
	return bits;
}

/* --- ls */

static void print_long(const char *path, const char *name)
{
	static const char types[16] = "?pc?d?b?-?l?s???", rights[] = "rwxrwxrwx";
	char mode[11] = "----------", size[32], target[256] = "";
	struct stat st;

	if (lstat(path, &st)) {
		shell_fail("ls", path);
		return;
	}
	mode[0] = types[st.st_mode >> 12 & 15];
	for (int i = 0; i < 9; i++) {
		if (st.st_mode >> (8 - i) & 1)
			mode[i + 1] = rights[i];
	}
	if (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode))
		text_format(size, sizeof(size), "%u, %u", major(st.st_rdev), minor(st.st_rdev));
	else
		text_format(size, sizeof(size), "%ld", (long)st.st_size);
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
	}
	print("%s %3lu %5u %5u %12s %s%s%s\n", mode, (unsigned long)st.st_nlink, st.st_uid,
	    st.st_gid, size, name, target[0] ? " -> " : "", target);
}

static bool visible(const char *name)
{
	return name[0] != '.';
}

static bool any(const char *name)
{
	return true;
}

static int list(const char *path, bool all, bool is_long)
{
	char **names;
	char full[1024];
	struct stat st;

	if (lstat(path, &st))
		return shell_fail("ls", path);
	if (!is_directory(path) || (is_long && S_ISLNK(st.st_mode))) {
		if (is_long)
			print_long(path, path);
		else
			print("%s\n", path);
		return 0;
	}
	int count = names_read(path, all ? any : visible, strcmp, &names);
	if (count < 0)
		return shell_fail("ls", path);
	for (int i = 0; i < count; i++) {
		text_format(full, sizeof(full), "%s/%s", path, names[i]);
		if (is_long)
			print_long(full, names[i]);
		else
			print("%s\n", names[i]);
	}
	return 0;
}

static int do_ls(int argc, char **argv)
{
	int bits = options(&argc, &argv, "al"), status = 0;

	if (bits < 0)
		return shell_usage("ls");
	if (argc == 1)
		return list(".", bits & 1, bits & 2);
	for (int i = 1; i < argc; i++) {
		if (argc > 2 && is_directory(argv[i]))
			print("%s:\n", argv[i]);
		status |= list(argv[i], bits & 1, bits & 2);
	}
	return status;
}

/* --- reading and copying */

static int copy(const char *name, int from, int to)
{
	static char buf[CHUNK];

	for (;;) {
		ssize_t n = read(from, buf, sizeof(buf));
		if (n < 0)
			return shell_fail(name, "read");
		if (!n)
			return 0;
		if (!write_all(to, buf, (size_t)n))
			return shell_fail(name, "write");
	}
}

static int do_cat(int argc, char **argv)
{
	int status = argc == 1 ? copy("cat", STDIN_FILENO, STDOUT_FILENO) : 0;

	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			status = shell_fail("cat", argv[i]);
			continue;
		}
		status |= copy("cat", fd, STDOUT_FILENO);
		close(fd);
	}
	return status;
}

static int copy_file(const char *from, const char *to)
{
	struct stat st, old;
	int in = open(from, O_RDONLY | O_CLOEXEC);

	if (in < 0 || fstat(in, &st))
		return shell_fail("cp", from);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return shell_fail("cp", from);
	}
	if (!stat(to, &old) && old.st_dev == st.st_dev && old.st_ino == st.st_ino) {
		complain("cp: %s and %s are the same file", from, to);
		return 1; /* opening it would have emptied it */
	}
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st.st_mode & 0777);
	if (out < 0)
		return shell_fail("cp", to);
	int status = copy("cp", in, out);
	close(in);
	return close(out) ? shell_fail("cp", to) : status;
}

static int move_file(const char *from, const char *to)
{
	if (!rename(from, to))
		return 0;
	if (errno != EXDEV)
		return shell_fail("mv", from);
	return copy_file(from, to) || (unlink(from) && shell_fail("mv", from));
}

static int link_symbolic(const char *from, const char *to)
{
	return symlink(from, to) ? shell_fail("ln", to) : 0;
}

static int link_hard(const char *from, const char *to)
{
	return link(from, to) ? shell_fail("ln", to) : 0;
}

/* FROM TO, or FROM... DIRECTORY. */
static int each_to(int argc, char **argv, int (*act)(const char *from, const char *to))
{
	const char *last = argv[argc - 1];
	const bool into = is_directory(last);
	int status = 0;
	char to[1024];

	for (int i = 1; i < argc - 1; i++) {
		text_format(to, sizeof(to), into ? "%s/%s" : "%s", last, base_name(argv[i]));
		status |= act(argv[i], to);
	}
	return status;
}

static int do_cp(int argc, char **argv)
{
	if (argc < 3 || (argc > 3 && !is_directory(argv[argc - 1])))
		return shell_usage("cp");
	return each_to(argc, argv, copy_file);
}

static int do_mv(int argc, char **argv)
{
	if (argc < 3 || (argc > 3 && !is_directory(argv[argc - 1])))
		return shell_usage("mv");
	return each_to(argc, argv, move_file);
}

static int do_ln(int argc, char **argv)
{
	int bits = options(&argc, &argv, "s");

	if (bits < 0 || argc != 3)
		return shell_usage("ln");
	return each_to(argc, argv, bits ? link_symbolic : link_hard);
}

/* --- making and removing */

static int make_path(char *path)
{
	for (char *at = path + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		int error = mkdir(path, 0777);
		*at = '/';
		if (error && errno != EEXIST)
			return -1;
	}
	return mkdir(path, 0777) && !is_directory(path) ? -1 : 0;
}

static int do_mkdir(int argc, char **argv)
{
	int bits = options(&argc, &argv, "p"), status = 0;

	if (bits < 0 || argc < 2)
		return shell_usage("mkdir");
	for (int i = 1; i < argc; i++) {
		if (bits ? make_path(argv[i]) : mkdir(argv[i], 0777))
			status = shell_fail("mkdir", argv[i]);
	}
	return status;
}

static int remove_tree(const char *path, bool recursive)
{
	struct dirent *entry;
	struct stat st;
	char below[1024];

	if (lstat(path, &st))
		return -1;
	if (!S_ISDIR(st.st_mode) || !recursive)
		return unlink(path);
	DIR *dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (text_format(below, sizeof(below), "%s/%s", path, entry->d_name) <
		    sizeof(below) - 1)
			remove_tree(below, true);
	}
	if (dir)
		closedir(dir);
	return rmdir(path);
}

static int do_rm(int argc, char **argv)
{
	int bits = options(&argc, &argv, "rf"), status = 0;

	if (bits < 0 || argc < 2)
		return shell_usage("rm");
	for (int i = 1; i < argc; i++) {
		if (remove_tree(argv[i], bits & 1) && !(bits & 2 && errno == ENOENT))
			status = shell_fail("rm", argv[i]);
	}
	return status;
}

/* --- hexdump */

static void dump_row(unsigned long offset, const unsigned char *row, size_t len)
{
	char line[128];
	size_t at = text_format(line, sizeof(line), "%08lx ", offset);

	for (size_t i = 0; i < 16; i++) {
		at += i < len ? text_format(line + at, sizeof(line) - at, " %02x", row[i])
			      : text_format(line + at, sizeof(line) - at, "   ");
	}
	at += text_format(line + at, sizeof(line) - at, "  |");
	for (size_t i = 0; i < len; i++)
		line[at++] = row[i] >= ' ' && row[i] < 127 ? (char)row[i] : '.';
	line[at] = '\0';
	print("%s|\n", line);
}

static int do_hexdump(int argc, char **argv)
{
	unsigned char row[16];
	unsigned long offset = 0, limit = ~0ul;
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

	if (argc > 3 || (argc == 3 && !parse_number(argv[2], ~0ul, &limit)))
		return shell_usage("hexdump");
	if (fd < 0)
		return shell_fail("hexdump", argv[1]);
	while (offset < limit) {
		const size_t want = limit - offset < 16 ? limit - offset : 16;
		size_t len = 0;
		ssize_t n = 0;
		while (len < want && (n = read(fd, row + len, want - len)) > 0)
			len += (size_t)n;
		if (n < 0)
			return shell_fail("hexdump", argv[1]);
		if (len)
			dump_row(offset, row, len);
		if (len < want)
			break;
		offset += len;
	}
	return 0;
}

static int do_pwd(int argc, char **argv)
{
	char path[1024];

	if (!getcwd(path, sizeof(path)))
		return shell_fail("pwd", ".");
	print("%s\n", path);
	return 0;
}

static int do_sync(int argc, char **argv)
{
	sync();
	return 0;
}

const struct builtin shell_files[] = {
    {"ls", "[-al] [PATH...]", "list files", do_ls, false},
    {"cat", "[FILE...]", "print files", do_cat, false},
    {"hexdump", "[FILE [BYTES]]", "print bytes in hexadecimal", do_hexdump, false},
    {"pwd", "", "print the working directory", do_pwd, false},
    {"cp", "FROM... TO", "copy files", do_cp, false},
    {"mv", "FROM... TO", "rename files", do_mv, false},
    {"ln", "[-s] TARGET LINK", "make a link", do_ln, false},
    {"mkdir", "[-p] DIRECTORY...", "make directories", do_mkdir, false},
    {"rm", "[-rf] PATH...", "remove files", do_rm, false},
    {"sync", "", "write file systems out", do_sync, false},
    {0},
};
