/* call.h: one request of a Socket.IO client: looked up in a table, checked for role and shape, then handled and
 * answered exactly once: through its acknowledgement, else as an event. */
#ifndef APP_CALL_H
#define APP_CALL_H

#include "app/app.h"
#include "app/auth.h"
#include "app/params.h"

struct call {
	struct app *app;
	struct sio_socket *socket;
	const struct event *event;
	struct sio_args args;
	struct sio_ack *ack;
	struct identity who;
};

struct event {
	const char *name;
	enum role least;               /* who may send it */
	/* Refused before the handler sees it: NULL, or what is wrong, "pattern must be …". */
	const char *(*shape)(struct sio_args args);
	void (*handle)(struct call *c);
	bool heavy;                    /* may take long: it waits for its turn (turns.h), and so does what the client sends behind it */
};

/* Every event of the namespace goes through its tables; one that is in none is an error too. */
struct event_table {
	struct app *app;
	struct event_rows {
		const struct event *at;
		size_t n;
	} rows[4];
};
void event_table_attach(struct sio_namespace *nsp, struct event_table *t); /* t is borrowed for good */

/* members: `"a":1`, without braces, or NULL: {"status":"ok",…}. Without an acknowledgement, an event of the
 * request's own name if there are members. */
void call_ok(struct call *c, const char *members);
void call_error(struct call *c, const char *message);  /* {"status":"error",…}, else `request error` {event, error} */
/* The member-th argument, or an empty slice if it is absent or null. */
struct slice call_arg(const struct call *c, size_t i);

/* To answer later: holds on to socket and acknowledgement until call_finish(), which has the shape of alerting_done_fn. */
void *call_keep(const struct call *c);
void call_finish(void *kept, const char *error, const char *members);

#endif
