/* check.h: cmocka, and a CHECK that prints the row it failed in. */
#ifndef UNIT_CHECK_H
#define UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CHECK(cond, ...)                                     \
	do {                                                 \
		if (!(cond)) {                               \
			print_error("row: " __VA_ARGS__);    \
			print_error("\n");                   \
			fail_msg("%s", #cond);               \
		}                                            \
	} while (0)

#define ROWS(a) (sizeof(a) / sizeof *(a))

#endif
