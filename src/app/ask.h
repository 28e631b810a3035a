/* ask.h: questions of the command line to the Vedette that runs: over HTTP, as any client may ask. */
#ifndef APP_ASK_H
#define APP_ASK_H

#include "app/config.h"
#include "base/buf.h"
#include "loop/fetch.h"

/* Where it is asked. Plain data; the connection stays open from one question to the next. */
struct ask {
	struct loop *loop;             /* of the caller's own: it is turned until the answer is there */
	const struct config *config;   /* says where it listens */
	struct fetch *fetch;           /* NULL until the first question */
	const char *fine;              /* a refusal that begins so is {} and not said; NULL: none */
};
void ask_release(struct ask *a);

/* The answer's JSON object, or NULL after saying why there is none. VEDETTE_TOKEN goes with it. */
char *ask_take(struct ask *a, const char *method, const char *path);
void ask_add_encoded(struct buf *out, const char *text); /* percent-encoded for a path or a query (RFC 3986 2.3) */

#endif
