/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cmdline.h"
#include "parts.h"
#include "shell.h"
#include "small.h"
#include "text.h"

enum { KLOG_READ_ALL = 3, KLOG_SIZE_BUFFER = 10, ROW = 512 };

/* Prints a small file of the kernel's. */
static int show(const char *name, const char *path)
{
	static char text[65536];
	long len = read_file(path, text, sizeof(text));

	if (len < 0) {
		errno = (int)-len;
		return shell_fail(name, path);
	}
	write_all(STDOUT_FILENO, text, (size_t)len);
	return 0;
}

static int do_echo(int argc, char **argv)
{
	const bool newline = argc < 2 || strcmp(argv[1], "-n");

	for (int i = newline ? 1 : 2; i < argc; i++)
		print_text(argv[i], i + 1 < argc ? " " : "");
	if (newline)
		print("\n");
	return 0;
}

static int do_true(int argc, char **argv)
{
	return 0;
}

static int do_false(int argc, char **argv)
{
	return 1;
}

static int do_env(int argc, char **argv)
{
	for (char **at = environ; *at; at++)
		print_text(*at, "\n");
	return 0;
}

/* Seconds, with a fraction if there is a point. */
static int do_sleep(int argc, char **argv)
{
	struct timespec ts = {0};
	unsigned long seconds = 0;
	const char *end = NULL;

	if (argc == 2 && isdigit((unsigned char)argv[1][0]))
		end = scan_number(argv[1], 10, &seconds);
	ts.tv_sec = (time_t)seconds;
	if (end && *end == '.') {
		long unit = 100000000;
		for (end++; isdigit((unsigned char)*end); end++, unit /= 10)
			ts.tv_nsec += (*end - '0') * unit;
	}
	if (!end || *end)
		return shell_usage("sleep");
	nanosleep(&ts, NULL);
	return 0;
}

/* --- the machine */

static int do_uname(int argc, char **argv)
{
	struct utsname u;

	uname(&u);
	if (argc == 2 && !strcmp(argv[1], "-r"))
		print("%s\n", u.release);
	else if (argc == 2 && !strcmp(argv[1], "-a"))
		print("%s %s %s %s %s\n", u.sysname, u.nodename, u.release, u.version, u.machine);
	else if (argc == 1)
		print("%s\n", u.sysname);
	else
		return shell_usage("uname");
	return 0;
}

static int do_uptime(int argc, char **argv)
{
	const unsigned long up = uptime_ms();

	print("%lu.%03lu s\n", up / 1000, up % 1000);
	return 0;
}

/* /sys/devices/system/cpu/online: ranges such as "0-2,5". */
static int do_cpus(int argc, char **argv)
{
	char text[1024];
	unsigned long count = 0, first = 0, last = 0;
	long len = read_file("/sys/devices/system/cpu/online", text, sizeof(text));

	if (len < 0) {
		errno = (int)-len;
		return shell_fail("cpus", "/sys/devices/system/cpu/online");
	}
	for (const char *at = text; at && isdigit((unsigned char)*at); at += *at == ',') {
		at = scan_number(at, 10, &first);
		last = first;
		if (at && *at == '-')
			at = scan_number(at + 1, 10, &last);
		if (!at)
			break;
		count += last - first + 1;
	}
	print("%lu\n", count);
	return 0;
}

/* A value of /proc/meminfo in kB; 0 if it has none. */
static unsigned long meminfo(const char *text, const char *key)
{
	const char *at = find_text(text, key);
	unsigned long value = 0;

	if (!at)
		return 0;
	at += strlen(key);
	scan_number(at + strspn(at, ": "), 10, &value);
	return value;
}

static int do_mem(int argc, char **argv)
{
	char text[4096];

	if (read_file("/proc/meminfo", text, sizeof(text)) < 0)
		return shell_fail("mem", "/proc/meminfo");
	print("%lu kB\n", meminfo(text, "MemTotal"));
	return 0;
}

static int do_free(int argc, char **argv)
{
	char text[4096];

	if (read_file("/proc/meminfo", text, sizeof(text)) < 0)
		return shell_fail("free", "/proc/meminfo");
	const unsigned long total = meminfo(text, "MemTotal"), unused = meminfo(text, "MemFree");
	print("%-8s %12s %12s %12s %12s\n", "kB", "total", "used", "free", "available");
	print("%-8s %12lu %12lu %12lu %12lu\n", "memory", total, total - unused, unused,
	    meminfo(text, "MemAvailable"));
	return 0;
}

static int do_dmesg(int argc, char **argv)
{
	int size = klogctl(KLOG_SIZE_BUFFER, NULL, 0);
	char *buf = size > 0 ? malloc((size_t)size) : NULL;
	int len = buf ? klogctl(KLOG_READ_ALL, buf, size) : -1;

	int status = len < 0 ? shell_fail("dmesg", "kernel log")
		     : write_all(STDOUT_FILENO, buf, (size_t)len) ? 0
								  : 1;
	free(buf);
	return status;
}

/* The first line of a sysfs attribute, or "?". */
static const char *attribute(const char *device, const char *name, char *buf, size_t size)
{
	char path[256];

	text_format(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, name);
	if (read_file(path, buf, size) <= 0)
		return "?";
	buf[strcspn(buf, "\n")] = '\0';
	return !strncmp(buf, "0x", 2) ? buf + 2 : buf;
}

static int do_lspci(int argc, char **argv)
{
	struct dirent *entry;
	char class[32], vendor[32], device[32];
	DIR *dir = opendir("/sys/bus/pci/devices");

	if (!dir) {
		print("no PCI bus\n");
		return 0;
	}
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		if (name[0] == '.')
			continue;
		print("%s class %s id %s:%s\n", name,
		    attribute(name, "class", class, sizeof(class)),
		    attribute(name, "vendor", vendor, sizeof(vendor)),
		    attribute(name, "device", device, sizeof(device)));
	}
	closedir(dir);
	return 0;
}

/* --- processes */

/* Fields of /proc/PID/stat: the name is in parentheses and may hold anything. */
static void show_process(const char *pid)
{
	char path[64], stat[ROW], args[ROW];

	text_format(path, sizeof(path), "/proc/%s/stat", pid);
	if (read_file(path, stat, sizeof(stat)) <= 0)
		return;
	char *name = strchr(stat, '('), *rest = strrchr(stat, ')');
	if (!name || !rest || rest[1] != ' ')
		return;
	*rest = '\0';
	text_format(path, sizeof(path), "/proc/%s/cmdline", pid);
	long len = read_file(path, args, sizeof(args));
	for (long i = 0; i + 1 < len; i++)
		args[i] = args[i] ? args[i] : ' ';
	unsigned long parent = 0;
	scan_number(rest + 4, 10, &parent);
	print("%6s %6lu %c  %s%s%s\n", pid, parent, rest[2], len > 0 ? args : "[",
	    len > 0 ? "" : name + 1, len > 0 ? "" : "]");
}

static bool is_pid(const char *name)
{
	return isdigit((unsigned char)name[0]);
}

static int do_ps(int argc, char **argv)
{
	char **names;
	int count = names_read("/proc", is_pid, names_by_number, &names);

	if (count < 0)
		return shell_fail("ps", "/proc");
	print("   PID   PPID S  COMMAND\n");
	for (int i = 0; i < count; i++)
		show_process(names[i]);
	return 0;
}

static int signal_number(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {{"HUP", SIGHUP}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"KILL", SIGKILL},
	    {"TERM", SIGTERM}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}, {"USR1", SIGUSR1},
	    {"USR2", SIGUSR2}};
	unsigned long number;

	if (parse_number(text, 64, &number))
		return (int)number;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i].name))
			return names[i].number;
	}
	return -1;
}

static int do_kill(int argc, char **argv)
{
	int signal = SIGTERM, first = 1, status = 0;

	if (argc > 1 && argv[1][0] == '-') {
		signal = signal_number(argv[1] + 1);
		first = 2;
	}
	if (argc <= first || signal < 0)
		return shell_usage("kill");
	for (int i = first; i < argc; i++) {
		unsigned long pid;
		if (!parse_number(argv[i], 0x7fffffff, &pid))
			return shell_usage("kill");
		if (kill((pid_t)pid, signal))
			status = shell_fail("kill", argv[i]);
	}
	return status;
}

/* --- mounts and modules */

/* mount -t TYPE [-r] SOURCE TARGET */
static int do_mount(int argc, char **argv)
{
	const char *type = NULL;
	unsigned long flags = 0;
	int at = 1;

	if (argc == 1)
		return show("mount", "/proc/mounts");
	for (; at < argc && argv[at][0] == '-'; at++) {
		if (!strcmp(argv[at], "-r"))
			flags |= MS_RDONLY;
		else if (!strcmp(argv[at], "--bind"))
			flags |= MS_BIND;
		else if (!strcmp(argv[at], "-t") && at + 1 < argc)
			type = argv[++at];
		else
			return shell_usage("mount");
	}
	if (argc - at != 2 || (!type && !(flags & MS_BIND)))
		return shell_usage("mount");
	return mount(argv[at], argv[at + 1], type, flags, "") ? shell_fail("mount", argv[at + 1])
							      : 0;
}

static int do_umount(int argc, char **argv)
{
	int status = argc < 2 ? shell_usage("umount") : 0;

	for (int i = 1; i < argc; i++) {
		if (umount2(argv[i], 0))
			status = shell_fail("umount", argv[i]);
	}
	return status;
}

/* The way to exitport's status where the kernel has no /dev/port. */
static int do_outb(int argc, char **argv)
{
	struct cmdline_port port = {0};

	if (argc != 2 || !cmdline_port(argv[1], &port))
		return shell_usage("outb");
	const int handle = port_open(port.port);
	if (handle < 0) {
		errno = -handle;
		return shell_fail("outb", argv[1]);
	}
	port_write(handle, port.port, port.value);
	return 0;
}

static int do_insmod(int argc, char **argv)
{
	char params[1024];
	size_t len = 0;

	if (argc < 2)
		return shell_usage("insmod");
	params[0] = '\0';
	for (int i = 2; i < argc; i++)
		len += text_format(params + len, sizeof(params) - len, "%s ", argv[i]);
	int error = module_load(argv[1], params);
	if (!error)
		return 0;
	errno = -error;
	return shell_fail("insmod", argv[1]);
}

static int do_rmmod(int argc, char **argv)
{
	if (argc != 2)
		return shell_usage("rmmod");
	return syscall(SYS_delete_module, argv[1], 0) ? shell_fail("rmmod", argv[1]) : 0;
}

static int do_lsmod(int argc, char **argv)
{
	return show("lsmod", "/proc/modules");
}

/* --- the end: PID 1 does it, and kills this process on the way */

static int ask_init(const char *name, int signal)
{
	if (kill(1, signal))
		return shell_fail(name, "init");
	sleep(10);
	return 1;
}

static int do_poweroff(int argc, char **argv)
{
	return ask_init("poweroff", SIGUSR2);
}

static int do_reboot(int argc, char **argv)
{
	return ask_init("reboot", SIGTERM);
}

const struct builtin shell_system[] = {
    {"echo", "[-n] [TEXT...]", "print text", do_echo, false},
    {"true", "", "status 0", do_true, false},
    {"false", "", "status 1", do_false, false},
    {"sleep", "SECONDS", "wait", do_sleep, false},
    {"env", "", "print the variables", do_env, false},
    {"uname", "[-a|-r]", "name and release of the kernel", do_uname, false},
    {"uptime", "", "time since the kernel started", do_uptime, false},
    {"cpus", "", "how many CPUs are online", do_cpus, false},
    {"mem", "", "total memory", do_mem, false},
    {"free", "", "memory in use", do_free, false},
    {"dmesg", "", "the kernel's log", do_dmesg, false},
    {"lspci", "", "PCI devices", do_lspci, false},
    {"ps", "", "processes", do_ps, false},
    {"kill", "[-SIGNAL] PID...", "send a signal", do_kill, false},
    {"mount", "[-r] -t TYPE|--bind FROM TO", "mount, or print the mounts", do_mount, false},
    {"umount", "PATH...", "unmount", do_umount, false},
    {"outb", "PORT,VALUE", "write a byte to an I/O port", do_outb, false},
    {"insmod", "MODULE [PARAMETER...]", "load a kernel module", do_insmod, false},
    {"rmmod", "MODULE", "unload a kernel module", do_rmmod, false},
    {"lsmod", "", "loaded kernel modules", do_lsmod, false},
    {"poweroff", "", "turn the VM off", do_poweroff, false},
    {"reboot", "", "restart the VM", do_reboot, false},
    {0},
};
