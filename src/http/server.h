/* server.h: what the files of http/ share. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/list.h"
#include "engineio/exchange.h"
#include "http/http.h"

#include <microhttpd.h>

struct listener {
	struct http_server *server;
	struct MHD_Daemon *daemon;
	struct loop_watch watch;
	struct loop_timer timer;
	struct link link;
	struct link waiting;          /* connections whose next request, or body, is not yet whole; longest first */
	struct loop_timer late_timer;
	bool run_due, running;
};

struct http_server {
	struct loop *loop;
	struct http_options o;
	struct http_counters counters;
	struct link listeners;
	struct link parked;            /* requests that MHD holds for us */
	struct {
		struct eio_server *engine;
		bool client;
	} engines[16];
	size_t nengines;
	bool closed;
};

/* One of MHD's connections: watched for its client's leaving, which MHD misses
 * while a request is suspended, and where the end comes together with the last bytes. */
struct connection {
	struct loop_watch watch;
	struct http_request *request; /* the parked one */
	struct listener *listener;
	struct link waiting;
	int64_t since_ms;             /* monotonic: waiting since */
	int fd;
};

struct http_request {
	struct listener *listener;
	struct MHD_Connection *mhd;
	struct connection *connection;
	char *target;                 /* as it came */
	char *path;
	struct eio_exchange ex;       /* ex.request is the head, for routes too */
	struct eio_server *engine;    /* whose it is; NULL: a route's */
	const struct http_route *route;
	struct buf body;
	struct eio_headers *headers;  /* of the answer */
	struct MHD_Response *response;
	int status;
	struct link in_parked;
	uint64_t came, discarded;     /* bytes of a body; those that nobody wants */
	bool begun, ended, answered, parked, cut, is_head, too_many_headers;
	void (*on_gone)(void *user);
	void *gone_user;
};

void listener_run_soon(struct listener *li);
void request_answer(struct http_request *r, int status, struct MHD_Response *take_response);
void request_reply(struct http_request *r, int status, struct MHD_Response *take_response); /* a route's: with our headers */
void request_abort(struct http_request *r);
void request_add_headers(struct MHD_Response *response, const struct eio_header_list *h);

void gateway_begin(struct http_request *r);

/* Compresses where it is accepted and worth while: *body and *n are replaced. The coding's name; NULL: as it was. */
const char *encode_body(const struct eio_request *head, size_t least, char **body, size_t *n);
bool encode_accepts(const char *accept_encoding, const char *coding); /* q=0 is a refusal */

/* A browser bundle of Socket.IO's own, under an engine's path. False: it is none. */
bool client_bundle(struct http_request *r, const struct eio_server *engine);

#endif
