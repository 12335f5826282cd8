/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* One word of the descriptor is wrong, or none: what the build defines. */
#ifdef PARAM
#define DEV_PARAMS BASE_PARAM PARAM
#endif
#ifdef COUNTER
#define DEV_COUNTERS {"writes", "writes of a register"}, COUNTER
#endif
#ifdef NEED
#define DEV_NEEDS NEED
#endif

#include "base.h"
