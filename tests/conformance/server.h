/* server.h: what the files of the fixture program share. */
#ifndef CONFORMANCE_SERVER_H
#define CONFORMANCE_SERVER_H

#include "http/http.h"
#include "loop/loop.h"
#include "socketio/socketio.h"

/* One server: a port, and an io on it (or an Engine.IO server alone). */
struct fixture {
	struct loop *loop;
	struct http_server *http;
	struct sio_server *io;         /* NULL: engine is a server of its own */
	struct eio_server *engine;
	void *state;                   /* of the handlers below */
	void (*release)(void *state);  /* before the servers go; may be NULL */
};

/* Which servers a set has, and what sets each apart. */
struct plan {
	const char *name;
	void (*options)(struct sio_options *o, struct http_options *h);
	void (*setup)(struct fixture *f); /* registers handlers; for a plan with engine, NULL */
	struct eio_server *(*engine)(struct loop *l); /* instead: a bare Engine.IO server */
};

/* base.c */
void base_options(struct sio_options *o, struct http_options *h);
void base_setup(struct fixture *f);
void eio3_options(struct sio_options *o, struct http_options *h);
void eio3_setup(struct fixture *f);
void msgpack_options(struct sio_options *o, struct http_options *h);
void opts_options(struct sio_options *o, struct http_options *h);
void opts_setup(struct fixture *f);
void on_echo(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack);     /* -> message-back */
void on_ack_echo(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack); /* -> its ack */

/* ext.c */
void ext_options(struct sio_options *o, struct http_options *h);
void csr_options(struct sio_options *o, struct http_options *h);
void ext_setup(struct fixture *f);
void admin_setup(struct fixture *f);

/* suites.c: the servers that the official suites expect, by the name given to --suite */
const struct plan *suite_plan(const char *name);

#endif
