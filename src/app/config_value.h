/* config_value.h: one written value at a time, from text to what it means and back.
 *
 * Every parser takes the whole text, sets its result only when it is right,
 * and otherwise appends to why a sentence that goes on from the key's name:
 * "\"2\" needs a unit: d, h, min, m, s or ms". Pure, but for IPv6 zones, which are
 * names of network interfaces. Any thread. */
#ifndef APP_CONFIG_VALUE_H
#define APP_CONFIG_VALUE_H

#include "app/config.h"

bool duration_parse(const char *text, uint64_t *ms, struct buf *why);     /* 100ms 1.5s 2m 2min 1h30m 1d; 0 */
bool size_parse(const char *text, uint64_t *bytes, struct buf *why);      /* 1MB is 10^6, 1MiB 2^20; plain bytes */
bool percent_parse(const char *text, double *percent, struct buf *why);   /* 80% or 80; 0 to 100 */
bool count_parse(const char *text, uint64_t *count, struct buf *why);
bool bool_parse(const char *text, bool *value, struct buf *why);          /* true false yes no on off */

void duration_print(uint64_t ms, struct buf *out);                        /* "2min": the largest unit that is exact */
void size_print(uint64_t bytes, struct buf *out);

bool addr_parse(const char *text, struct config_addr *out, struct buf *why); /* yours to addr_release() */
void addr_release(struct config_addr *a);
/* Where people reach the dashboard: http or https, host, perhaps port and path; *take_out has scheme and host in lower case and ends in '/'. */
bool web_address_parse(const char *text, char **take_out, struct buf *why);
bool origin_parse(const char *text, char **take_out, struct buf *why);    /* "https://host[:port]", normal form; "*" */
bool host_parse(const char *text, char **take_out, struct buf *why);      /* a name or address, lower case, no port */

/* "Did you mean …": the candidate with the fewest slips, if they are few enough. */
struct nearest {
	const char *word;      /* what was written */
	const char *best;      /* NULL: nothing is near; borrowed from a candidate */
	size_t slips;          /* of best: letters wrong, missing, too many or swapped */
};
void nearest_init(struct nearest *n, const char *word);
void nearest_try(struct nearest *n, const char *candidate);

#endif
