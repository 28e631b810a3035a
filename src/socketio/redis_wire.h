/* redis_wire.h: what servers say to each other through Redis: the format of @socket.io/redis-adapter 8
 * (createAdapter) and @socket.io/redis-emitter 5. Pure.
 *
 *   broadcast   [uid, {type: 2, data: [event, …], nsp}, {rooms, except, flags}]
 *   request     {uid, requestId, type, …}
 *   response    {requestId, type, …}
 *
 * A message that starts with { is JSON, any other msgpack; either may be any of these. Keys stand in any order. Whatever
 * another program may publish there is read without harm; what is none of these is refused whole. */
#ifndef SOCKETIO_REDIS_WIRE_H
#define SOCKETIO_REDIS_WIRE_H

#include "socketio/socketio.h"

#define WIRE_ID_LEN 6                  /* of what names a server, and a request */

enum wire_type {
	WIRE_SOCKETS, WIRE_ALL_ROOMS, WIRE_JOIN, WIRE_LEAVE, WIRE_DISCONNECT, WIRE_FETCH, WIRE_SERVER_EMIT, WIRE_BROADCAST,
	WIRE_CLIENT_COUNT, WIRE_ACK,
	WIRE_NO_TYPE,                  /* a response that only its request explains */
};

/* Room names. Those with a NUL, which no room here can have, are left out, and still count as given. */
struct wire_names {
	char **at;
	size_t n;
	bool given;                    /* there was at least one: none that is known means nobody, not everybody */
	bool too_many;                 /* and so none is here: the message is refused */
};

struct wire_opts {
	struct wire_names rooms, except;
	unsigned flags;                /* enum sio_flags */
	uint32_t timeout_ms;           /* 0: not said; at most LIMIT_CLUSTER_TIMEOUT_MS */
};

/* One message. Slices point into its text or are empty; texts are NULL where they are missing. */
struct wire {
	struct buf text;               /* all of it as JSON */
	struct sio_blob *blobs;        /* that stand in text as placeholders; they point into what was read */
	size_t nblobs;
	enum wire_type type;
	char *uid, *request_id;
	char *event;                   /* of a broadcast and of WIRE_SERVER_EMIT */
	struct sio_args args;          /* what follows it; of WIRE_ACK: the one answer, "null" if there was none */
	char *nsp;                     /* of a broadcast: "/" if it says none */
	bool has_opts;                 /* false: an old form of 2, 3 and 4, which names one socket */
	struct wire_opts opts;
	struct wire_names rooms;       /* of 0, 2, 3 */
	char *sid, *room;              /* of the old forms */
	bool close;                    /* of 4 */
	size_t client_count;           /* of 8 */
	struct slice sockets;          /* of a response: an array, else empty */
	struct slice data;             /* of a response to 6 */
};

/* False: it is none. Release it in either case. */
bool wire_read_broadcast(struct wire *w, const void *message, size_t n);
bool wire_read_request(struct wire *w, const void *message, size_t n);
bool wire_read_response(struct wire *w, const void *message, size_t n);
void wire_release(struct wire *w);

/* --- writing: messages as JSON text with placeholders --- */

void wire_id(char out[WIRE_ID_LEN + 1]); /* a new one, of [A-Za-z0-9_-] */
/* {"rooms":[…],"except":[…],"flags":{…}} of an operator. */
void wire_put_opts(struct buf *out, const struct sio_operator *op);
/* {"type":2,"data":[event,args],"nsp":…} */
void wire_put_packet(struct buf *out, const char *nsp, const char *event, struct sio_args args);
void wire_put_names(struct buf *out, const char *const *names, size_t n);
/* [args] as JSON alone: a blob becomes {"type":"Buffer","data":[…]}, as Node writes one. */
void wire_put_plain(struct buf *out, struct sio_args args);
/* All of text, with the blobs of its placeholders, as msgpack. */
void wire_pack(struct buf *out, struct slice text, const struct sio_blob *blobs, size_t nblobs);

#endif
