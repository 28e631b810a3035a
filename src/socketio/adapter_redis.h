/* adapter_redis.h: what the two halves of the Redis adapter share: adapter_redis.c, which asks, and
 * adapter_redis_serve.c, which answers. */
#ifndef SOCKETIO_ADAPTER_REDIS_H
#define SOCKETIO_ADAPTER_REDIS_H

#include "loop/redis.h"
#include "socketio/redis_wire.h"
#include "socketio/sio.h"

struct adapter {
	struct cluster ops;            /* first: they are given this */
	struct sio_server *io;
	struct redis *redis;
	char *key;
	char uid[WIRE_ID_LEN + 1];
	uint32_t timeout_ms;
	bool specific;
	struct link namespaces;        /* of struct peers */
	size_t asked, served;          /* requests of ours, of others */
	struct sio_cluster_counts counts;
};

struct peers {
	struct adapter *adapter;
	struct sio_namespace *nsp;     /* NULL once it has left; the memory goes at the end of the turn */
	struct link link;
	char *broadcasts, *pattern, *requests, *responses, *mine;
	struct map asked;              /* struct request, by id */
	struct link served, acks;
};

/* 0, or what redis_command() says. */
int peers_publish(struct peers *p, const char *channel, const struct buf *b);
/* The same as msgpack: text, and the blobs of its placeholders. */
int peers_publish_packed(struct peers *p, const char *channel, const struct buf *text, const struct sio_blob *blobs, size_t nblobs);
/* What came on channel means nothing: it is counted. */
void peers_junk(struct peers *p, const char *channel);
bool peers_said_it(const struct peers *p, const struct wire *w); /* it is ours, and comes back */
/* Whom a message means among the sockets here; borrows from w. */
struct sio_operator peers_operator(const struct peers *p, const struct wire_names *rooms, const struct wire *w);

redis_message_fn serve_request; /* user is a struct peers */
void serve_leave(struct peers *p); /* nobody is answered any more */

#endif
