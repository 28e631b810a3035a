/* http.h: an HTTP/1.1 server on the loop: routes, static files, and the way in to
 * Engine.IO. libmicrohttpd parses and times out; nothing of it shows here.
 *
 * Everything on the loop's thread. A request is answered once, in its handler or
 * later; until then the struct is valid, unless on_gone tells that its client left. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buf.h"
#include "engineio/engineio.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_server;
struct http_request;

/* path is exact, or a prefix if it ends in `*`. The first row that fits wins; if
 * only the method does not fit, the answer is 405 with Allow. */
struct http_route {
	const char *method, *path;
	void (*handle)(void *user, struct http_request *r);
};

struct http_counters {
	uint64_t requests, errors, bytes_in, bytes_out;
};

struct http_options {
	unsigned max_connections;      /* that are open in HTTP at once; WebSockets are counted by Engine.IO */
	unsigned idle_s;               /* a connection that says nothing for so long is closed; a head has so long to come,
	                                * and each 64 KB of a body */
	size_t head_bytes, body_bytes; /* of a request */
	const struct http_route *routes; /* borrowed */
	size_t nroutes;
	void *user;
	/* Asked before anything else, Engine.IO's requests too: false when it has answered itself. NULL: all may. */
	bool (*guard)(void *user, struct http_request *r);
	/* Added to every answer that is not Engine.IO's. May be NULL. */
	void (*headers)(void *user, struct http_request *r);
};
void http_options_init(struct http_options *o);

struct http_server *http_server_new(struct loop *l, const struct http_options *o);
/* 0 or -errno. Several are possible; *port, if not NULL, is set to the one in use (for port 0). */
int http_server_listen(struct http_server *h, const struct sockaddr *sa, socklen_t sa_len, uint16_t *port);
/* Ends all connections. Not while it, or an engine behind it, is calling a function of yours: from there, through
 * loop_next(). */
void http_server_free(struct http_server *h);
const struct http_counters *http_server_counters(const struct http_server *h);

/* Requests under engine's path go to it, which is held: from eio_server_free() to the detaching they get 503; with client, also the browser bundles
 * socket.io(.min|.esm.min|.msgpack.min).js and their maps are served there. */
void http_server_attach(struct http_server *h, struct eio_server *engine, bool client);
void http_server_detach(struct http_server *h, struct eio_server *engine);

/* --- a request --- */

const char *http_method(const struct http_request *r);
const char *http_path(const struct http_request *r);                       /* percent-decoded, without query */
const struct eio_request *http_head(const struct http_request *r);         /* headers, query, address */
const char *http_header(const struct http_request *r, const char *name);   /* lower case; NULL if absent */
const char *http_query(const struct http_request *r, const char *name);    /* NULL if absent */
const char *http_body(const struct http_request *r, size_t *n);
struct http_server *http_request_server(const struct http_request *r);

/* --- its answer --- */

void http_add_header(struct http_request *r, const char *name, const char *value);
/* take_body is malloc'ed, or NULL; compressed if the client accepts it and it is worth while. type NULL: none. */
void http_reply(struct http_request *r, int status, const char *type, char *take_body, size_t n);
void http_reply_buf(struct http_request *r, int status, const char *type, struct buf *take_body);
void http_error(struct http_request *r, int status, const char *message); /* {"status":"error","error":message} */
/* Told if the client leaves before the answer; after it r may not be used. */
void http_on_gone(struct http_request *r, void (*fn)(void *user), void *user);

/* Answers with the embedded file of that path, or with that of dir if it is not NULL
 * (development); false if there is none. */
bool http_reply_asset(struct http_request *r, const char *path, const char *dir);

#endif
