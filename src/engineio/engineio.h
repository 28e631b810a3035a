/* engineio.h: an Engine.IO server: sessions over long polling and WebSocket.
 *
 * Protocol 4, and 3 where allow_eio3 is on. It knows no HTTP library: the HTTP side
 * hands requests over through engineio/exchange.h. Everything happens on the
 * loop's thread. A session is valid until its on_close has returned; after that
 * nobody may hold it. Source: the Engine.IO protocol, revision 4. */
#ifndef ENGINEIO_ENGINEIO_H
#define ENGINEIO_ENGINEIO_H

#include "base/buf.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct eio_server;
struct eio_session;
struct eio_request;
struct eio_verdict;

/* --- the request that opened a session --- */

struct eio_pair {
	const char *name, *value;
};
/* Immutable and counted: keep one with eio_request_ref(). Header names are lower
 * case; query names and values are percent-decoded. */
struct eio_request {
	unsigned refs;
	const char *method, *target;    /* "GET", "/socket.io/?EIO=4&transport=polling" as it came */
	const char *remote;             /* the peer's address, "127.0.0.1" */
	bool secure;                    /* over TLS */
	bool upgrade;                   /* asks for a WebSocket */
	const struct eio_pair *headers, *query;
	size_t nheaders, nquery;
};
struct eio_request *eio_request_ref(struct eio_request *r);
void eio_request_unref(struct eio_request *r);
const char *eio_request_header(const struct eio_request *r, const char *name); /* NULL if absent; the first one */
const char *eio_request_query(const struct eio_request *r, const char *name);  /* NULL if absent; the last one */

/* Headers of an answer, to be added to. */
struct eio_headers;
void eio_headers_add(struct eio_headers *h, const char *name, const char *value); /* copied; CR and LF are refused */

/* --- options --- */

enum { EIO_POLLING = 1, EIO_WEBSOCKET = 2 };

enum eio_error_code {
	EIO_UNKNOWN_TRANSPORT,
	EIO_UNKNOWN_SID,
	EIO_BAD_HANDSHAKE_METHOD,
	EIO_BAD_REQUEST,
	EIO_FORBIDDEN,
	EIO_UNSUPPORTED_PROTOCOL_VERSION,
};
/* A request that was refused. message is that of its code, context a JSON object: what was wrong with it. */
struct eio_refusal {
	const struct eio_request *request;
	enum eio_error_code code;
	const char *message, *context;
};

enum eio_reason {
	EIO_PING_TIMEOUT,    /* "ping timeout": silent for pingInterval + pingTimeout */
	EIO_PARSE_ERROR,     /* "parse error": a packet that is none */
	EIO_TRANSPORT_ERROR, /* "transport error": the protocol of the transport was broken */
	EIO_TRANSPORT_CLOSE, /* "transport close": the peer went away */
	EIO_FORCED_CLOSE,    /* "forced close": we closed */
};
const char *eio_reason_text(enum eio_reason why);

#define EIO_ID_LEN 20

struct eio_cors {
	bool on;
	bool any_origin;                /* "*" */
	bool reflect;                   /* whatever origin asks */
	const char *const *origins;     /* else: these; ends with NULL */
	bool (*allows)(void *user, const char *origin); /* and those that it allows; NULL: no others */
	void *user;
	bool credentials;
	const char *methods;            /* NULL: GET,HEAD,PUT,PATCH,POST,DELETE */
	const char *allowed_headers;    /* NULL: those that the request asks for */
	const char *exposed_headers;    /* NULL: none */
	int max_age_s;                  /* below 0: not said */
};

struct eio_cookie {
	const char *name;               /* NULL: no cookie */
	const char *path;               /* NULL: none said */
	const char *domain;             /* NULL: none said */
	bool http_only;
	const char *same_site;          /* "lax", "strict", "none", NULL */
	int max_age_s;                  /* below 0: not said */
	bool secure;
};

struct eio_options {
	const char *path;               /* "/engine.io" */
	bool add_trailing_slash;        /* true */
	uint32_t ping_interval_ms;      /* 25000 */
	uint32_t ping_timeout_ms;       /* 20000 */
	uint32_t upgrade_timeout_ms;    /* 10000 */
	size_t max_payload;             /* bytes of a message or a POST body: 1000000 (maxHttpBufferSize) */
	unsigned transports;            /* EIO_POLLING | EIO_WEBSOCKET */
	bool allow_upgrades;            /* true */
	bool allow_eio3;                /* false */
	bool http_compression;          /* true */
	size_t http_compression_bytes;  /* answers of this size and more: 1024 */
	bool per_message_deflate;       /* false */
	size_t deflate_bytes;           /* messages of this size and more: 1024 */
	size_t queue_low_bytes;         /* more waiting than this: volatile packets are dropped */
	size_t queue_max_bytes;         /* more waiting than this: the session is closed as too slow */
	size_t queues_max_bytes;        /* more waiting than this for all together: so is who has more than the low mark */
	size_t max_sessions;            /* more are refused with 503; on_refused is told EIO_FORBIDDEN and the message */
	size_t max_sessions_per_address; /* 0: no limit of its own */
	struct eio_cors cors;
	struct eio_cookie cookie;
	void *user;                     /* for the functions below */
	/* Asked on a handshake only. Answer with eio_verdict_allow/deny, now or later. NULL: all may. */
	void (*allow_request)(void *user, struct eio_request *r, struct eio_verdict *v);
	/* Headers for the answer to a handshake, and to every request. */
	void (*initial_headers)(void *user, struct eio_headers *h, struct eio_request *r);
	void (*headers)(void *user, struct eio_headers *h, struct eio_request *r);
	/* Writes a session's id, EIO_ID_LEN of A-Z a-z 0-9 - _, and a NUL. It is a secret: no one may guess it. One that is taken,
	 * or no such text, is replaced by a random one, and logged. NULL: all are random. */
	void (*generate_id)(void *user, struct eio_request *r, char id[EIO_ID_LEN + 1]);
};
void eio_options_init(struct eio_options *o); /* the defaults above */

void eio_verdict_allow(struct eio_verdict *v);
void eio_verdict_deny(struct eio_verdict *v, const char *message); /* NULL: "Forbidden" */

/* --- the server --- */

struct eio_handlers {
	void *user;
	void (*on_open)(void *user, struct eio_session *s);
	/* data is the callee's for the call, and a NUL follows it. */
	void (*on_message)(struct eio_session *s, const char *data, size_t n, bool binary);
	void (*on_close)(struct eio_session *s, enum eio_reason why, const char *description);
	void (*on_drain)(struct eio_session *s);   /* all that waited has left; may be NULL */
	void (*on_upgrade)(struct eio_session *s); /* it is a WebSocket now; may be NULL */
	void (*on_refused)(void *user, const struct eio_refusal *r); /* may be NULL */
};

struct eio_counters {
	uint64_t bytes_in, bytes_out, messages_in, messages_out, opened, closed, dropped, coalesced, refused, too_slow;
};

/* Copies options; the strings in them stay borrowed. */
struct eio_server *eio_server_new(struct loop *l, const struct eio_options *o, const struct eio_handlers *h);
void eio_server_close(struct eio_server *srv); /* closes every session at once; new ones are refused */
void eio_server_free(struct eio_server *srv);  /* closes it too; memory goes at the end of the turn, or with the last reference */
struct eio_server *eio_server_ref(struct eio_server *srv); /* behind eio_server_free() it serves nobody any more, and tells nobody */
void eio_server_unref(struct eio_server *srv); /* NULL does nothing */
const struct eio_options *eio_server_options(const struct eio_server *srv);
size_t eio_server_clients(const struct eio_server *srv); /* sessions that are open */
const struct eio_counters *eio_server_counters(const struct eio_server *srv);
size_t eio_server_queued(const struct eio_server *srv); /* bytes waiting for all clients */

/* Tells each message and heartbeat that comes in or is queued: type '4' for a message, '2' and '3' for ping and pong,
 * data without it. NULL: nobody is told. */
typedef void eio_packet_fn(struct eio_session *s, char type, const char *data, size_t n, bool binary, bool sent);
void eio_server_on_packet(struct eio_server *srv, eio_packet_fn *fn);

/* --- frames: a message encoded once and shared by everyone who gets it --- */

struct eio_frame;
/* A text message of n bytes: the result's data is to be filled through *data.
 * One reference is the caller's. */
struct eio_frame *eio_frame_new(size_t n, bool binary, unsigned char **data);
struct eio_frame *eio_frame_of(const void *data, size_t n, bool binary);
size_t eio_frame_len(const struct eio_frame *f);           /* of the payload */
struct eio_frame *eio_frame_ref(struct eio_frame *f);
void eio_frame_unref(struct eio_frame *f);
void eio_frame_set_key(struct eio_frame *f, uint64_t key); /* before it is sent: what EIO_COALESCE goes by; never 0 */

/* --- sessions --- */

enum eio_send_flags {
	EIO_VOLATILE = 1,    /* may be dropped if the transport cannot take it now */
	EIO_UNCOMPRESSED = 2,
	EIO_COALESCE = 4,    /* one of the same key that still waits goes */
};
/* Queues; leaves with the rest of the turn in one write. Returns false if a
 * volatile one was dropped or the session is closed. */
bool eio_session_send(struct eio_session *s, struct eio_frame *f, unsigned flags);
/* Would so many frames of so many bytes together still be taken, without closing the session as too slow? Where not, that
 * counts as a message dropped. newest is one that is to be sent with EIO_COALESCE, and has the room of that which it leaves
 * out, or NULL. */
bool eio_session_has_room(struct eio_session *s, size_t bytes, size_t frames, const struct eio_frame *newest);
/* For a run of frames that belong together: would a volatile one be taken now? */
bool eio_session_writable(const struct eio_session *s);
void eio_session_close(struct eio_session *s, bool discard); /* after what waits has left, or at once */
/* At once, for that reason: EIO_PARSE_ERROR for a packet that the layer above cannot read. */
void eio_session_fail(struct eio_session *s, enum eio_reason why, const char *description);

void eio_session_set_user(struct eio_session *s, void *user);
void *eio_session_user(const struct eio_session *s);
const char *eio_session_id(const struct eio_session *s);     /* a secret: whoever knows it can take the session over */
int eio_session_protocol(const struct eio_session *s);       /* 4 or 3 */
const char *eio_session_transport(const struct eio_session *s); /* "polling", "websocket" */
struct eio_request *eio_session_request(const struct eio_session *s); /* the handshake's; NULL once dropped */
/* The POST that brought what on_message is told of; NULL over WebSocket, and at other times. */
struct eio_request *eio_session_carrier(const struct eio_session *s);
void eio_session_drop_request(struct eio_session *s);        /* to save its memory */
size_t eio_session_queued(const struct eio_session *s);      /* bytes that wait for this client */
bool eio_session_is_open(const struct eio_session *s);
struct eio_server *eio_session_server(const struct eio_session *s);

/* Calls fn for every open session. */
void eio_server_each(struct eio_server *srv, void (*fn)(void *user, struct eio_session *s), void *user);

#endif
