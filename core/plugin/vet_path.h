/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vet_path - opens a plugin's file if nobody but root and the user can have written it.
 */
#ifndef CORE_VET_PATH_H
#define CORE_VET_PATH_H

#include <sys/stat.h>

/* A file descriptor, and `st` filled in; or -errno, logged with `path`. */
int vet_open_file(const char *path, struct stat *st);
/* Closes the folder of the last file, which is kept open for its neighbours. */
void vet_close_folder(void);

#endif
