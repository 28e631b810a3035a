/* pattern.c: ids against patterns with `*`, and the order in which people read ids. */
#include "store/inner.h"

#include <ctype.h>
#include <string.h>

/* Greedy with one point of return: when a later `*` was reached, an earlier one
 * need never take more. So at worst the lengths multiply; nothing is exponential. */
bool store_pattern_match(const char *pattern, const char *id)
{
	const char *star = NULL, *retry = NULL;

	while (*id) {
		if (*pattern == '*') {
			star = pattern++;
			retry = id;
		} else if (*pattern == *id) {
			pattern++;
			id++;
		} else if (star) {
			pattern = star + 1;
			id = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static const char *skip_zeros(const char *s)
{
	while (*s == '0' && isdigit((unsigned char)s[1]))
		s++;
	return s;
}

static size_t digits(const char *s)
{
	size_t n = 0;

	while (isdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* Both stand on a digit: compares the numbers and steps over them where they are equal. */
static int compare_numbers(const char **a, const char **b)
{
	const char *x = skip_zeros(*a), *y = skip_zeros(*b);
	size_t n = digits(x), m = digits(y);
	int order = n != m ? (n < m ? -1 : 1) : strncmp(x, y, n);

	*a = x + n;
	*b = y + m;
	return order;
}

int natural_compare(const char *a, const char *b)
{
	const char *x = a, *y = b;

	while (*x && *y) {
		if (isdigit((unsigned char)*x) && isdigit((unsigned char)*y)) {
			int order = compare_numbers(&x, &y);

			if (order)
				return order;
		} else if (*x != *y) {
			break;
		} else {
			x++;
			y++;
		}
	}
	if (*x != *y)
		return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
	return strcmp(a, b); /* 07 and 7 are two ids */
}
