/* engine.h: what the files of engineio/ share and nobody else sees. */
#ifndef ENGINEIO_ENGINE_H
#define ENGINEIO_ENGINE_H

#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "engineio/engineio.h"
#include "engineio/exchange.h"

/* --- frames ---
 *
 *   bytes: [ room for a WebSocket head, 10 ][ payload ]
 *                          ^ wire: the head ends where the payload starts
 *
 * A text payload starts with its Engine.IO type ('4' for a message); a binary
 * one is the bare bytes (protocol 4). */
#define FRAME_HEAD 10
struct eio_frame {
	unsigned refs;
	bool binary;
	bool plain;                     /* not to be compressed */
	bool wire_ready;                /* already in the form that this session's socket takes */
	uint8_t head;                   /* bytes of the WebSocket head: 2, 4 or 10 */
	uint32_t len;                   /* of the payload */
	struct eio_frame *deflated;     /* the same, compressed without context: made once, shared too */
	uint64_t key;                   /* of what it is the newest; 0: of nothing */
	unsigned char bytes[];
};
static inline unsigned char *frame_payload(struct eio_frame *f)
{
	return f->bytes + FRAME_HEAD;
}
static inline unsigned char *frame_wire(struct eio_frame *f)
{
	return f->bytes + FRAME_HEAD - f->head;
}
static inline size_t frame_wire_len(const struct eio_frame *f)
{
	return (size_t)f->head + f->len;
}
struct eio_frame *frame_packet(char type);   /* a packet without data: shared, counted */
struct eio_frame *frame_make(const void *payload, size_t n, int opcode, bool rsv1); /* payload as it is */

/* --- requests --- */

struct eio_headers {
	struct eio_header_list list;
	size_t cap;
};
void headers_release(struct eio_headers *h);

/* --- the server --- */

struct eio_server {
	struct loop *loop;
	struct eio_options o;
	struct eio_handlers h;
	eio_packet_fn *on_packet;       /* NULL: nobody */
	char *path;                     /* with its slash, if there is one */
	struct map sessions;            /* by sid: open and closing ones */
	struct map addresses;           /* sessions of each remote address, as a number */
	size_t nopen;
	struct eio_counters counters;
	size_t queued;
	struct link dirty;              /* sessions with something to flush at the end of the turn */
	bool flush_due, closed;
	struct ws_reader *reader;       /* websocket.c: one for all sockets that stand between frames */
	struct link sockets;            /* every struct ws, for the end */
	unsigned refs;                  /* its owner's, and those of sessions, sockets, verdicts: freed with the last */
};
void server_mark_dirty(struct eio_server *srv, struct eio_session *s);
void server_forget(struct eio_server *srv, struct eio_session *s); /* no longer found by its sid */
/* Fills the headers that every answer carries (CORS, the headers option). */
void server_common_headers(struct eio_server *srv, struct eio_exchange *ex, struct eio_headers *h, bool initial);

void exchange_reply(struct eio_exchange *ex, int status, const char *type, char *take_body, size_t len, struct eio_headers *h,
                    bool compress);
void exchange_refuse(struct eio_exchange *ex, enum eio_error_code code, const char *message, const char *context);

void cors_apply(const struct eio_cors *c, const struct eio_request *r, struct eio_headers *h);
void cors_preflight(const struct eio_cors *c, const struct eio_request *r, struct eio_headers *h);

/* --- sessions --- */

enum session_state { SESSION_OPEN, SESSION_CLOSING, SESSION_CLOSED };

struct eio_session {
	struct eio_server *server;
	void *user;
	char sid[RANDOM_ID_LEN + 1];
	uint8_t protocol;               /* 3 or 4 */
	uint8_t state;
	bool base64;                    /* binary goes as text, also over WebSocket */
	bool no_binary;                 /* protocol 3, polling: b64=1 or JSONP */
	bool awaits_pong, pong_extended;
	bool overflow;                  /* more waited than may: it ends with this turn */
	struct loop_timer timer;        /* ping, pong, or the end of closing */
	struct eio_request *request;
	struct link dirty;

	struct eio_frame **queue;       /* ring of what waits, in order */
	uint32_t q_first, q_len, q_cap;
	size_t q_bytes;

	struct ws *ws;                  /* the transport, or NULL: polling */
	struct ws *probe;               /* the socket of an upgrade that is under way */
	struct eio_exchange *get, *post;
	struct eio_request *carrier;    /* the POST whose packets are told at the moment */
};

struct eio_session *session_new(struct eio_server *srv, struct eio_request *r, int protocol);
void session_open(struct eio_session *s);  /* sends the handshake and tells on_open */
void session_end(struct eio_session *s, enum eio_reason why, const char *description); /* now, for good */
void session_packet(struct eio_session *s, char type, const char *data, size_t n);     /* one came in as text */
void session_binary(struct eio_session *s, const char *data, size_t n);                /* a binary message came in */
void session_flush(struct eio_session *s);
struct eio_frame **session_slot(struct eio_session *s, uint32_t i); /* of the queue */
void session_swap_front(struct eio_session *s, struct eio_frame *take_f);
void session_pop(struct eio_session *s);   /* the first one has left */
void session_drained(struct eio_session *s); /* all that waited has left */
void session_push(struct eio_session *s, struct eio_frame *take_f);
void session_push_answer(struct eio_session *s, struct eio_frame *take_f); /* one that the peer can cause at will: counts against it */
void session_switch(struct eio_session *s); /* polling ends, the probe's socket takes over */
void session_alive(struct eio_session *s);  /* something came in: the pong may take longer, once */

/* --- polling --- */

void polling_begin(struct eio_session *s, struct eio_exchange *ex); /* GET or POST of a known session */
void polling_post(struct eio_session *s, struct eio_exchange *ex);  /* its body is there */
void polling_flush(struct eio_session *s);                          /* answers the GET if there is one */
void polling_release(struct eio_session *s);                        /* answers a GET that has nothing to wait for: the client upgrades */
void polling_drop(struct eio_session *s, char type);                /* answers the GET with this packet, cuts a POST */
bool polling_close(struct eio_session *s);                          /* tells the client; false if no GET waits */
void polling_handshake(struct eio_session *s, struct eio_exchange *ex);

bool wslay_works(void); /* wslay.c. false: it cannot be loaded, and nobody may call it */

/* --- websocket: born as one, or to upgrade a session; s may be NULL in the second, which ends it --- */

void ws_open(struct eio_server *srv, struct eio_session *s, int take_fd, bool deflate, const void *early, size_t n);
void ws_probe(struct eio_server *srv, struct eio_session *s, int take_fd, bool deflate, const void *early, size_t n);
void ws_flush(struct ws *w);
void ws_relieve(struct ws *w);            /* sends what it can and ends nothing: for the middle of a broadcast */
bool ws_blocked(const struct ws *w);      /* the kernel took less than it was given */
bool ws_begun(const struct ws *w);        /* a part of the first queued frame has left */
void ws_end(struct ws *w, int code); /* detaches it from its session: Close frame with or (0) without a status, then the socket */
void ws_accept_key(const char *key, char out[29]);
void ws_reader_free(struct eio_server *srv);
void ws_close_all(struct eio_server *srv);

/* --- permessage-deflate (RFC 7692), without context takeover on either side --- */

const char *deflate_answer(const char *offers); /* Sec-WebSocket-Extensions of the 101; NULL: none of the offers is taken */
struct eio_frame *deflate_frame(struct eio_frame *f);           /* the compressed twin, borrowed; f itself if not smaller */
int deflate_inflate(struct buf *out, const void *in, size_t n); /* 0, -EPROTO bad data, -EMSGSIZE past out's ceiling */

#endif
