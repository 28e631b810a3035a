/* sio.h: what the files of socketio/ share and nobody else sees. */
#ifndef SOCKETIO_SIO_H
#define SOCKETIO_SIO_H

#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "socketio/packet.h"
#include "socketio/socketio.h"

struct sio_client;

/* --- handlers: lists of functions, in order of registration --- */

enum handler_kind { ON_CONNECTION, ON_EVENT, ON_ANY, ON_OUTGOING, ON_PACKET, ON_PACKET_LATER, ON_ERROR, ON_DISCONNECTING, ON_DISCONNECT, ON_SERVER_EVENT, MIDDLEWARE };

struct handler {
	enum handler_kind kind;
	char *event;                   /* of ON_EVENT and ON_SERVER_EVENT */
	void (*fn)(void);              /* cast back to what its kind says */
	void *user;
	bool once;
	bool first;                    /* added while the list was walked: to be put in front of all */
};
/* Entries that are removed while the list is walked turn into holes (fn NULL). */
struct handlers {
	struct handler *at;
	size_t n, cap;
	unsigned walking;
	bool holes, firsts;
};
void handlers_add(struct handlers *h, struct handler what, bool first);
void handlers_remove(struct handlers *h, enum handler_kind kind, const char *event, void (*fn)(void));
void handlers_copy(struct handlers *to, const struct handlers *from);
void handlers_release(struct handlers *h);
size_t handlers_count(const struct handlers *h, enum handler_kind kind, const char *event); /* event NULL: of all; h may be NULL */
/* Walks those that are there now: for (i = begin(h); (e = next(h, &w));) … end is implied. */
struct handlers_walk {
	size_t at, n;
	enum handler_kind kind;
};
struct handlers_walk handlers_begin(struct handlers *h, enum handler_kind kind);
struct handler *handlers_next(struct handlers *h, struct handlers_walk *w);
void handlers_end(struct handlers *h); /* always, after the walk */

/* --- the server --- */

struct parent {
	struct sio_namespace *nsp;
	sio_match_fn *match;           /* one of the two */
	sio_match_later_fn *later;
	void *user;
	void *regex;                   /* regex_t of sio_of_regex, freed with it */
};

/* A part of the library itself that is told of everything, beside what an application registers. Any of them may
 * be NULL. */
enum sio_change { SIO_CHANGED_DATA, SIO_CHANGED_TRANSPORT };
struct sio_watcher {
	void *user;
	void (*connected)(void *user, struct sio_socket *s);     /* before the handlers of "connection" */
	void (*disconnected)(void *user, struct sio_socket *s, const char *reason);
	void (*changed)(void *user, struct sio_socket *s, enum sio_change what);
	void (*room)(void *user, struct sio_socket *s, const char *room, bool joined);
	void (*event)(void *user, struct sio_socket *s, const char *event, struct sio_args args, bool sent);
	void (*closed)(void *user, enum eio_reason why);         /* a connection, whatever was on it */
};
#define WATCH(io, what, ...) \
	((io)->watcher && (io)->watcher->what ? (io)->watcher->what((io)->watcher->user, __VA_ARGS__) : (void)0)

struct sio_server {
	struct loop *loop;
	const struct sio_watcher *watcher; /* NULL: nobody */
	struct sio_options o;
	struct eio_server *engine;
	struct cluster *cluster;       /* NULL: this server is alone */
	struct map namespaces;         /* by name */
	struct parent *parents;
	size_t nparents, ndynamic;
	struct link lost;              /* answers that will not come, of sockets that are gone or owe too much: their timers tell */
	struct link asking;            /* broadcasts that wait for answers: ack.c */
	bool closing, rooms_full;      /* rooms_full: the log knows of a socket with too many */
	unsigned refs;                 /* its owner's, and one with each of a namespace */
	void (*on_new_namespace)(void *, struct sio_namespace *);
	void (*on_refused)(void *, const struct eio_refusal *);
	void (*on_opened)(void *, struct eio_session *);
	void (*on_closed)(void *, struct eio_session *, enum eio_reason, const char *);
	void *new_namespace_user, *refused_user, *engine_user;
	struct sio_conn_events conn;
};
void server_unref(struct sio_server *io);
void server_join_cluster(struct sio_server *io, struct cluster *c); /* with all its namespaces, and those to come */
struct sio_namespace *server_add_namespace(struct sio_server *io, const char *name, size_t n, struct sio_namespace *parent, bool dynamic);

/* --- namespaces --- */

struct room {
	struct link members;           /* of struct member */
	size_t n;
	unsigned held;                 /* by who tells of it: it stays until they are through, empty or not */
	char name[];
};
struct member {
	struct link in_room, in_socket;
	struct room *room;
	struct sio_socket *socket;
};

struct sio_namespace {
	struct sio_server *server;
	unsigned refs;                 /* of the server's list or of its parents', of sockets, of who is still to be told something */
	char *name;
	void *user;
	struct handlers handlers;
	struct map sockets;            /* connected ones, by id */
	struct map rooms;              /* adapter.c */
	struct link pending;           /* sockets that are still in the middlewares */
	struct map owed;               /* acknowledgements, by socket and id: ack.c */
	uint64_t next_id;              /* of acknowledgements */
	uint64_t mark;                 /* of a selection that runs */
	void (*on_room)(void *, enum sio_room_event, const char *, const char *);
	void *room_user;
	struct sio_namespace *parent;  /* whose name fits a pattern, or a function: made by a client, or by sio_of() */
	bool dynamic;                  /* by a client: counted in ndynamic */
	struct map children;           /* of a parent */
	bool is_parent;
	struct recovery *recovery;     /* NULL: off */
	struct peers *peers;           /* NULL: this server is alone, or it is a parent */
};
struct sio_namespace *namespace_new(struct sio_server *io, const char *name, size_t n);
struct sio_namespace *namespace_ref(struct sio_namespace *nsp); /* holds the server too: it has all that is asked of a namespace */
void namespace_unref(struct sio_namespace *nsp);
void namespace_drop(struct sio_namespace *nsp); /* the reference that it was made with */
void namespace_connect(struct sio_namespace *nsp, struct sio_client *c, struct slice auth);
void namespace_join_cluster(struct sio_namespace *nsp); /* where the server has one */
void namespace_leave_cluster(struct sio_namespace *nsp); /* nothing if it is in none */
void namespace_maybe_remove(struct sio_namespace *nsp); /* an empty child, where cleanup is on */

/* --- one connection --- */

struct sio_client {
	struct sio_server *server;
	struct eio_session *session;   /* NULL once its sockets have been told of the end */
	bool ended;                    /* they have been, or are being told; the session may still have something to send */
	struct link sockets;           /* in_client of each, also those in the middlewares */
	size_t nsockets, nmatching;    /* nmatching: names whose namespace is still being asked for */
	struct loop_timer timer;       /* connectTimeout */
	unsigned refs;                 /* its session's, until that is over; its sockets' */
	/* An event whose attachments are still to come. */
	char *head;
	size_t head_len;
	struct sio_packet packet;      /* points into head */
	struct sio_blob *blobs;
	unsigned nblobs;
	size_t blob_bytes;
};
static inline bool client_is_open(const struct sio_client *c)
{
	return c->session && eio_session_is_open(c->session);
}
struct sio_client *client_new(struct sio_server *io, struct eio_session *s);
void client_begin(struct sio_client *c);     /* it may connect now */
void client_message(struct sio_client *c, const char *data, size_t n, bool binary);
void client_end(struct sio_client *c, const char *reason, const char *description); /* its sockets are told, once */
void client_close(struct sio_client *c, bool flush); /* ours to end */
void client_send(struct sio_client *c, enum packet_type type, const char *nsp, struct slice json); /* one without attachments */
void client_unref(struct sio_client *c);
/* Into the namespace that this name has come to mean; NULL: none. */
void client_enter(struct sio_client *c, struct slice name, struct slice auth, struct sio_namespace *nsp);

/* --- whose a name is --- */

void match_ask(struct sio_client *c, struct slice name, struct slice auth); /* client_enter() is called, now or later */
struct sio_namespace *match_pattern(const struct sio_server *io, const char *name); /* the parent whose pattern it fits, or NULL */
void match_release(struct parent *p);

/* --- sockets --- */

struct owed_ack {
	struct link link;              /* of the socket, in order; of the server, once nobody will answer */
	bool lost;                     /* that: its timer tells */
	struct link in_many;
	uint64_t id;
	struct loop_timer timer;
	struct sio_socket *socket;
	sio_answer_fn *fn;
	void *user;
	struct many *many;             /* or: one of a broadcast's */
};

struct sio_socket {
	unsigned refs;
	bool connected, recovered, entered; /* entered: past the middlewares */
	bool leaving;                  /* its handlers of "disconnecting" are told: it is as good as gone */
	bool shown;                    /* to administrators: admin.c */
	char id[RANDOM_ID_LEN + 1];
	char *long_id;                 /* of protocol 4: "nsp#engineid"; else NULL */
	char *pid;                     /* of recovery */
	struct sio_namespace *nsp;
	struct sio_client *client;
	struct link in_client, in_pending;
	struct link rooms;             /* members */
	size_t nrooms;
	uint64_t mark;
	struct link acks;              /* owed to us */
	size_t nacks;
	uint32_t nthinking;            /* events that a middleware thinks about */
	struct handlers *handlers;     /* its own; NULL: none */
	struct eio_request *request;
	char *auth, *data;
	void *user;
	int64_t issued_ms;
	uint64_t entered_turn;         /* of the loop */
	uint64_t dropped;
	uint64_t since;                /* recovery's position when it connected */
	double tokens;                 /* of events_per_second */
	int64_t tokens_ms;
};
const char *socket_id(const struct sio_socket *s);
/* Connected, or still in the middlewares: it may be spoken to and join rooms. */
static inline bool socket_is_here(const struct sio_socket *s)
{
	return s->connected || list_linked(&s->in_pending);
}
struct sio_socket *socket_new(struct sio_namespace *nsp, struct sio_client *c, struct slice auth);
void socket_packet(struct sio_socket *s, const struct sio_packet *p, struct sio_args args); /* event, ack, disconnect */
void socket_deliver(struct sio_socket *s, const struct sio_packet *p, struct sio_args args); /* an event, to its handlers */
void socket_enter(struct sio_socket *s);     /* CONNECT is answered, handlers are told */
void socket_leave(struct sio_socket *s, const char *reason, const char *description);
void socket_tell_error(struct sio_socket *s, const char *error);
void socket_refused(struct sio_socket *s, const char *message, const char *data);
void socket_ack_came(struct sio_socket *s, uint64_t id, struct sio_args args);
void socket_drop_acks(struct sio_socket *s);
void acks_end(struct sio_server *io);        /* nobody will be there to be told by a timer */
void socket_end_acks(struct sio_socket *s); /* the server is going down: nobody will tell later */
void socket_tell_outgoing(struct sio_socket *s, const char *event, struct sio_args args);
struct owed_ack *socket_owe(struct sio_socket *s, uint64_t id, uint32_t timeout_ms);

/* --- packets on their way out --- */

struct frames {
	struct eio_frame *at[1 + 16], **more;
	size_t n;
	bool is_event;                 /* and no answer, which would be missed for ever */
};
/* Encodes once for everyone. offset: recovery's, or NULL. */
void frames_event(struct frames *f, const struct sio_namespace *nsp, const char *event, struct sio_args args, const uint64_t *id,
                  const char *offset);
void frames_ack(struct frames *f, const struct sio_namespace *nsp, uint64_t id, struct sio_args args);
void frames_release(struct frames *f);
bool frames_send(const struct frames *f, struct sio_socket *s, unsigned flags); /* false: it was dropped */
/* Of those with this name only the newest has to wait: for SIO_COALESCE. Not with attachments, which follow one by one. */
void frames_coalesce(struct frames *f, const struct sio_namespace *nsp, const char *event);

/* --- the adapter: who is in which room --- */

void adapter_join(struct sio_socket *s, const char *room); /* nothing if it is gone */
void adapter_leave(struct sio_socket *s, const char *room);
void adapter_leave_all(struct sio_socket *s);
/* The sockets that op means, each once and with a reference, in room order, then order of joining. */
struct selection {
	struct sio_socket **at;
	size_t n;
};
struct selection adapter_select(const struct sio_operator *op);
void selection_release(struct selection *sel);
struct selection client_sockets(const struct sio_client *c); /* those on a connection, in the middlewares too */

/* --- connection state recovery --- */

struct recovery *recovery_new(struct sio_namespace *nsp);
void recovery_free(struct recovery *r);             /* NULL does nothing */
uint64_t recovery_position(const struct recovery *r); /* of the last event */
/* Remembers an event for those that op means, or for one socket, and returns the offset that travels with it,
 * valid until the next call. */
const char *recovery_note(struct recovery *r, const struct sio_operator *op, const char *to_sid, const char *event, struct sio_args args);
/* It is connected, and no longer: by its pid it is found if its client comes back before its end was noticed. */
void recovery_enter(struct recovery *r, struct sio_socket *s);
void recovery_leave(struct recovery *r, struct sio_socket *s);
void recovery_keep(struct recovery *r, struct sio_socket *s); /* it left for a reason that can be recovered from */
/* If auth names a session that is kept: s takes over its id, pid, rooms and data. */
bool recovery_restore(struct recovery *r, struct sio_socket *s, struct slice auth);
void recovery_replay(struct recovery *r, struct sio_socket *s); /* sends what it missed */
bool recovery_reason(const char *reason);

/* --- the other servers of a cluster: adapter_redis.c is one way to reach them --- */

struct many;
struct peers;                      /* what a cluster keeps of one namespace */

/* What is asked of all servers has a part here, which the caller has done already, and a part elsewhere, for which these
 * are. None is called for an operator that is local. */
struct cluster {
	struct peers *(*join)(struct cluster *c, struct sio_namespace *nsp); /* it came to be */
	void (*leave)(struct peers *p);                                       /* and goes away */
	void (*emit)(struct peers *p, const struct sio_operator *op, const char *event, struct sio_args args);
	/* Other servers tell m later: many_clients(), many_complete() when all have, and many_answer(). The result is valid until
	 * forget(), or many_complete() with an error. NULL: nobody could be asked, and *error is why, a text that stays. */
	struct request *(*emit_ack)(struct peers *p, const struct sio_operator *op, const char *event, struct sio_args args, struct many *m,
	                            const char **error);
	void (*forget)(struct request *q);
	void (*fetch)(struct peers *p, const struct sio_operator *op, sio_views_fn *fn, void *user); /* ours too */
	void (*rooms)(struct peers *p, const struct sio_operator *op, const char *const *rooms, size_t n, bool join);
	void (*disconnect)(struct peers *p, const struct sio_operator *op, bool close);
	void (*server_emit)(struct peers *p, const char *event, struct sio_args args, sio_answers_fn *fn, void *user);
	void (*free)(struct cluster *c); /* every namespace has left */
};
/* A broadcast with acknowledgements that came from another server: its clients here are asked. answer is told the first
 * argument of each, done once, when all have answered or at the end of the time. Returns how many are asked; of none,
 * nothing is told. */
typedef void many_answer_fn(void *user, struct sio_args first);
size_t many_serve(const struct sio_operator *op, const char *event, struct sio_args args, many_answer_fn *answer,
                  sio_answers_fn *done, void *user, struct many **out);
void many_cancel(struct many *m);                         /* done is not told */
void many_clients(struct many *m, size_t clients);        /* so many more are asked */
void many_answer(struct many *m, struct sio_args first);
void many_complete(struct many *m, const char *error);    /* no more are asked; with an error, no more elsewhere will answer */

/* What came from another server: for the sockets here, and no further. */
void operator_emit_here(const struct sio_operator *op, const char *event, struct sio_args args);
void operator_rooms_here(const struct sio_operator *op, const char *const *rooms, size_t n, bool join);
void operator_disconnect_here(const struct sio_operator *op, bool close);
void namespace_server_event(struct sio_namespace *nsp, const char *event, struct sio_args args, struct sio_ack *ack);
/* Adds {"id":…,"handshake":…,"rooms":[…],"data":…}, what servers tell each other of a socket, to the list in a struct buf
 * that is being written. */
sio_socket_fn socket_add_view;

/* An acknowledgement that a client waits for, or another server: then send is there, and socket is not. */
struct sio_ack {
	unsigned refs;
	uint64_t id;
	struct sio_socket *socket;
	bool sent;
	void (*send)(struct sio_ack *ack, struct sio_args args);
	void (*free)(struct sio_ack *ack); /* the whole of it */
};

/* --- msgpack parser --- */

/* One value that is all of data. Its bytes become placeholders, blobs (yours to free()) point into data; with blobs NULL
 * they are written out instead, as {"type":"Buffer","data":[…]}. */
bool msgpack_to_json(const void *data, size_t n, unsigned max_depth, struct buf *json, struct sio_blob **blobs, size_t *nblobs);
void msgpack_put_json(struct buf *out, struct slice json, struct sio_args args); /* one value, with the blobs of args */

bool msgpack_decode(const void *data, size_t n, struct buf *json, struct sio_packet *out, struct sio_blob **blobs, size_t *nblobs);
void msgpack_encode(struct buf *out, enum packet_type type, const char *nsp, const uint64_t *id, struct slice json, struct sio_args args,
                    const char *event, const char *offset);

#endif
