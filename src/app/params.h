/* params.h: reading what a client asked for, with an error that says what is wrong and what is allowed.
 *
 * Parameters are the members of a JSON object, or of an URL's query made into one. The first error stays; further
 * reads do nothing, so that a run of reads is checked once, at its end. */
#ifndef APP_PARAMS_H
#define APP_PARAMS_H

#include "base/buf.h"
#include "base/json.h"
#include "engineio/engineio.h"

#include <stdbool.h>
#include <stddef.h>

struct params {
	struct slice object;           /* validated JSON; empty: no parameters */
	char error[240];               /* "" while all is well */
};

void params_init(struct params *p, struct slice object); /* anything but an object or null is an error */
void params_fail(struct params *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool params_ok(const struct params *p);

bool params_has(struct params *p, const char *name);
/* fallback where the member is absent or null. */
double params_number(struct params *p, const char *name, double least, double most, double fallback);
/* Milliseconds since the epoch; below 0, where ago allows it: before now. */
double params_time(struct params *p, const char *name, bool ago, double fallback);
/* Index into words (ends with NULL), or fallback. */
int params_word(struct params *p, const char *name, const char *const *words, int fallback);
bool params_flag(struct params *p, const char *name, bool fallback); /* true or false, as a text too: a query has no other */
char *params_text_take(struct params *p, const char *name, size_t most); /* NULL if absent; yours to free */

/* A string or a list of strings: "a", ["a","b"]. value is what was sent for it; name is for errors. */
struct texts {
	char **at;
	size_t n;
};
bool texts_parse(struct params *p, const char *name, struct slice value, size_t most, size_t longest, struct texts *out);
bool params_texts(struct params *p, const char *name, size_t most, size_t longest, struct texts *out); /* false if absent too */
void texts_release(struct texts *t);

/* ?a=1&b=x&b=y becomes {"a":1,"b":["x","y"]}: what reads as a number is one. */
void params_from_query(const struct eio_request *r, struct buf *out);

#endif
