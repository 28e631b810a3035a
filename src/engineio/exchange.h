/* exchange.h: how the HTTP side hands requests to Engine.IO and gets answers.
 *
 * The HTTP side embeds a struct eio_exchange in what it keeps of a request, and
 * calls, on the loop's thread: eio_exchange_begin() when the head is there, then
 * for a body eio_exchange_body() as often as it likes and eio_exchange_end(); and
 * eio_exchange_gone() if the client leaves before it was answered. Engine.IO
 * answers each exchange exactly once, at once or later, through ops. */
#ifndef ENGINEIO_EXCHANGE_H
#define ENGINEIO_EXCHANGE_H

#include "engineio/engineio.h"

struct eio_exchange;

struct eio_header_list {
	struct eio_pair *at;
	size_t n;
};

struct eio_headers *eio_headers_new(void);
void eio_headers_free(struct eio_headers *h);
const struct eio_header_list *eio_headers_list(const struct eio_headers *h);

struct eio_reply {
	int status;
	const char *type;               /* Content-Type; NULL for none */
	char *body;                     /* malloc'ed; the HTTP side frees it; may be NULL */
	size_t len;
	const struct eio_header_list *headers; /* for the call only */
	bool compress;                  /* if the client accepts it and there is enough */
	size_t compress_bytes;          /* enough is this */
	bool close;                     /* end the connection after it */
};

struct eio_exchange_ops {
	void (*reply)(struct eio_exchange *ex, const struct eio_reply *r);
	/* 101 Switching Protocols with these headers; then the raw socket goes to
	 * eio_exchange_upgraded(). */
	void (*upgrade)(struct eio_exchange *ex, const struct eio_header_list *headers);
	void (*abort)(struct eio_exchange *ex); /* drop the connection without an answer */
};

struct eio_exchange {
	const struct eio_exchange_ops *ops;
	struct eio_request *request;    /* one reference, given back by the HTTP side */
	/* Engine.IO's own */
	struct eio_server *server;
	struct eio_session *session;    /* whose GET or POST this is */
	struct eio_verdict *verdict;    /* waits for allow_request */
	struct buf body;
	bool initial, is_post, too_big, answered, jsonp;
	char jsonp_index[12];
};

/* Raw parts: query is the text behind `?`. headers' names may be in any case. Copies all. */
struct eio_request *eio_request_new(const char *method, const char *target, const char *remote, bool secure,
                                    const struct eio_pair *headers, size_t nheaders);

bool eio_server_serves(const struct eio_server *srv, const char *target); /* is the path Engine.IO's? */
/* The CORS headers of an answer beside Engine.IO's own, as of the client's bundle. */
void eio_cors_headers(const struct eio_server *srv, const struct eio_request *r, struct eio_headers *h);
void eio_exchange_begin(struct eio_server *srv, struct eio_exchange *ex);
void eio_exchange_body(struct eio_exchange *ex, const char *data, size_t n);
void eio_exchange_end(struct eio_exchange *ex);
void eio_exchange_gone(struct eio_exchange *ex);
/* take_fd is non-blocking; early is what the client sent behind its request. */
void eio_exchange_upgraded(struct eio_exchange *ex, int take_fd, const void *early, size_t n);

#endif
