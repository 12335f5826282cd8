/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtiofsd takes a descriptor that listens, and none that is connected. So one listens for a
 * moment on a path that only this user reaches; volt's end waits in its queue, the first and only
 * one, until virtiofsd accepts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/share/share.h"

static int make_address(struct sockaddr_un *at, char *folder, size_t size)
{
	const char *named = getenv("TMPDIR");
	const char *parent = named && named[0] == '/' ? named : "/tmp";
	const int n = snprintf(folder, size, "%s/volt-share-XXXXXX", parent);

	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n < 0 || (size_t)n + 2 >= sizeof(at->sun_path))
		return -ENAMETOOLONG;
	if (!mkdtemp(folder))
		return -errno;
	memcpy(at->sun_path, folder, (size_t)n);
	memcpy(at->sun_path + n, "/s", 3);
	return 0;
}

static int connect_both(struct share *s, const struct sockaddr_un *at)
{
	const struct sockaddr *name = (const struct sockaddr *)at;

	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s->client = socket(AF_UNIX, SOCK_STREAM, 0); /* volt inherits it */
	if (s->listener < 0 || s->client < 0 || bind(s->listener, name, sizeof(*at)) != 0 ||
	    listen(s->listener, 1) != 0 || connect(s->client, name, sizeof(*at)) != 0)
		return -errno;
	return 0;
}

int pair_make(struct share *s)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct sockaddr_un at;
	int err = make_address(&at, folder, sizeof(folder));

	if (err)
		return err;
	err = connect_both(s, &at);
	unlink(at.sun_path);
	rmdir(folder);
	return err;
}
