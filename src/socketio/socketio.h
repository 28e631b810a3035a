/* socketio.h: a complete Socket.IO server for C programs.
 *
 * It mirrors the Node server object by object: Server, Namespace, Socket,
 * BroadcastOperator; the table at the end names each method's counterpart. Protocol
 * 5 over Engine.IO 4, and protocol 4 (clients of version 2) where allow_eio3 is on.
 *
 * Threads: everything happens on the thread of the loop that was given to
 * sio_server_new(); other threads come in through loop_post().
 *
 * Event arguments are JSON text that was validated once and is carried as it is:
 * no digit, NUL or key order is lost on the way through. Binary travels beside it.
 *
 * Ownership: what a function is given is borrowed for the call, strings are copied.
 * What a handler is given is valid until it returns, a socket until its disconnect
 * handlers have returned; sio_socket_ref() and sio_ack_ref() hold on for longer, and with a
 * socket its namespace and its server. A name that is returned lives as long as what it names.
 * A namespace lives as long as the server; one made on demand goes with its last socket, held
 * ones among them, where cleanup_empty_child_namespaces is on.
 *
 * Handlers may do anything but free the loop. Those of events, sockets and namespaces are
 * many, in order of registration; the others say that the last one registered counts.
 *
 * Times end in _ms; a limit of 0 is none only where it says so. Functions that can fail say
 * how: 0 or -errno. Memory never fails: see base/xmalloc.h. */
#ifndef SOCKETIO_SOCKETIO_H
#define SOCKETIO_SOCKETIO_H

#include "base/buf.h"
#include "base/json.h"
#include "engineio/engineio.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sio_server;
struct sio_namespace;
struct sio_socket;
struct sio_ack;
struct sio_next;

/* ===================== arguments ===================== */

struct sio_blob {
	const void *data;
	size_t n;
};
/* A list of arguments: JSON values joined by commas, without brackets, `1,"a",{}`.
 * Where there are blobs, {"_placeholder":true,"num":i} in it stands for blobs[i]. */
struct sio_args {
	struct slice json;
	const struct sio_blob *blobs;
	size_t nblobs;
};

struct sio_args sio_none(void);
struct sio_args sio_json(const char *json);                 /* trusted text, not copied: `"hello",42` */
struct sio_args sio_json_slice(struct slice json);

size_t sio_args_count(struct sio_args a);
bool sio_args_at(struct sio_args a, size_t i, struct slice *value);        /* JSON text of one; false if there are not so many */
/* Appends its text; false if it is no string. out has a ceiling (buf_init): past it, it is full and holds nothing more. */
bool sio_args_string(struct sio_args a, size_t i, struct buf *out);
bool sio_args_number(struct sio_args a, size_t i, double *out);            /* false if it is no number */
bool sio_args_binary(struct sio_args a, size_t i, struct sio_blob *out);   /* borrowed from a; false if it is not binary */

/* Arguments put together piece by piece, each of which is copied. Call _release when they were used. */
struct sio_builder {
	struct buf json;
	struct sio_blob *blobs;     /* copies */
	size_t nblobs;
};
void sio_builder_init(struct sio_builder *b);
void sio_builder_release(struct sio_builder *b);
void sio_add_string(struct sio_builder *b, const char *s);
void sio_add_number(struct sio_builder *b, double v);
void sio_add_bool(struct sio_builder *b, bool v);
void sio_add_json(struct sio_builder *b, struct slice trusted);            /* one value, or several with commas between */
void sio_add_binary(struct sio_builder *b, const void *data, size_t n);
void sio_add_all(struct sio_builder *b, struct sio_args a);                /* all of another list, attachments too */
struct sio_args sio_built(const struct sio_builder *b);                    /* valid until the builder changes */

/* ===================== Server ===================== */

enum sio_parser { SIO_PARSER_DEFAULT, SIO_PARSER_MSGPACK };

/* What becomes of an event for a client for which more waits than may (engine.queue_max_bytes, engine.queues_max_bytes).
 * CLOSE: its connection is closed as too slow. DROP: it misses the event, sio_socket_dropped() counts it; whom it answers
 * (acknowledgements, heartbeats) is closed still. Events of which the newest is enough never get there: SIO_COALESCE. */
enum sio_overflow { SIO_OVERFLOW_CLOSE, SIO_OVERFLOW_DROP };

struct sio_options {
	struct eio_options engine;          /* path "/socket.io", limits, transports, cors, cookie … */
	enum sio_parser parser;
	enum sio_overflow overflow;         /* SIO_OVERFLOW_CLOSE */
	uint32_t connect_timeout_ms;        /* 45000: no namespace joined by then: closed */
	bool cleanup_empty_child_namespaces; /* false */
	uint32_t recovery_ms;               /* connectionStateRecovery.maxDisconnectionDuration; 0: off */
	bool recovery_skips_middlewares;    /* true */
	size_t max_recovery_bytes;          /* packets kept for it, of one namespace; the oldest go first: 4194304 */
	size_t max_namespaces_per_client;   /* one more is refused: 64 */
	size_t max_auth_bytes;              /* of CONNECT, kept with the socket; a longer one is refused: 65536 */
	size_t max_dynamic_namespaces;      /* made by sio_of_match() and sio_of_regex(); one more is refused: 1000 */
	size_t max_pending_acks;            /* that one socket owes; the oldest is given up as timed out: 10000 */
	uint32_t max_thinking_events;       /* of one socket, that middlewares answer later; past it the client is disconnected: 1000 */
	size_t max_attachment_bytes;        /* of one client, for an event that is not yet whole; past it the connection is
	                                     * closed. Never below engine.max_payload. 4000000 */
	size_t max_rooms_per_socket;        /* its own among them; it joins no more: 10000 */
	uint32_t events_per_second;         /* of one socket, with bursts of twice as many; 0: no limit.
	                                     * Past it the client is disconnected. */
};
void sio_options_init(struct sio_options *o); /* the defaults */

/* Copies o; its strings stay borrowed. Serve it with http_server_attach(http, sio_engine(io), …) of http/http.h. */
struct sio_server *sio_server_new(struct loop *l, const struct sio_options *o);
/* Every socket gets "server shutting down", every connection is closed, who waits for answers of sockets is told. Memory
 * goes at the end of the turn (loop_free() ends one too), or with the last socket that is held, the last middleware that
 * thinks, the last function that is still to be told something: until then all that is in this header may be called, and
 * reaches nobody. Behind it come http_server_free() and loop_free(), after which references may only be given back. NULL
 * does nothing. */
void sio_server_free(struct sio_server *io);
struct eio_server *sio_engine(const struct sio_server *io); /* clients, counters, options: engineio/engineio.h */

/* The namespace of that name, made on first use; a leading slash is added. */
struct sio_namespace *sio_of(struct sio_server *io, const char *name);

/* Namespaces made on demand, when a client connects to a name that fits. The result is
 * the parent: its middlewares and handlers are copied to each child, its emits reach all. Asked in the order of
 * registration. */
typedef bool sio_match_fn(void *user, const char *name, struct slice auth);
struct sio_namespace *sio_of_match(struct sio_server *io, sio_match_fn *match, void *user);
/* The same, answered now or later: once, with sio_match_answer(), also where the client has left meanwhile, and before the
 * server goes. name and auth live until then. */
struct sio_match;
typedef void sio_match_later_fn(void *user, const char *name, struct slice auth, struct sio_match *m);
struct sio_namespace *sio_of_match_later(struct sio_server *io, sio_match_later_fn *match, void *user);
void sio_match_answer(struct sio_match *m, bool fits);
/* The same by an extended regular expression (regcomp(3)); NULL if it is none. */
struct sio_namespace *sio_of_regex(struct sio_server *io, const char *pattern);

/* Told of each namespace but `/` when it is made. Here and below, up to sio_on_conn(): the last one registered counts,
 * fn NULL: nobody is told. */
void sio_on_new_namespace(struct sio_server *io, void (*fn)(void *user, struct sio_namespace *nsp), void *user);
/* Told of each request that Engine.IO refused ("connection_error"). */
void sio_on_connection_error(struct sio_server *io, void (*fn)(void *user, const struct eio_refusal *r), void *user);
/* Told of Engine.IO sessions: opened, closed ("connection" and "close" of the engine). */
void sio_on_engine(struct sio_server *io, void (*opened)(void *user, struct eio_session *s),
                   void (*closed)(void *user, struct eio_session *s, enum eio_reason why, const char *description), void *user);
/* Told of what happens on a connection ("upgrade", "drain", "packet", "packetCreate" … of socket.conn). Any may be NULL;
 * without packet nothing is spent on it. data is a packet's content behind its type: '4' message, '2' and '3' heartbeat. */
struct sio_conn_events {
	void *user;
	void (*upgraded)(void *user, struct eio_session *s);   /* it is a WebSocket now */
	void (*drained)(void *user, struct eio_session *s);    /* all that waited has left */
	void (*packet)(void *user, struct eio_session *s, char type, const char *data, size_t n, bool binary, bool sent);
};
void sio_on_conn(struct sio_server *io, const struct sio_conn_events *events); /* copied */
/* Those there are, in order of their making; fn may end sockets and namespaces. The same goes for sio_each_socket() and
 * sio_each_room(). */
void sio_each_namespace(struct sio_server *io, void (*fn)(void *user, struct sio_namespace *nsp), void *user);

/* ===================== Namespace ===================== */

const char *sio_namespace_name(const struct sio_namespace *nsp);
struct sio_server *sio_namespace_server(const struct sio_namespace *nsp);
size_t sio_namespace_count(const struct sio_namespace *nsp); /* connected sockets */
struct sio_socket *sio_namespace_socket(struct sio_namespace *nsp, const char *id); /* NULL if not connected here */
void sio_each_socket(struct sio_namespace *nsp, void (*fn)(void *user, struct sio_socket *s), void *user);
void sio_namespace_set_user(struct sio_namespace *nsp, void *user); /* a pointer of yours, NULL at first; here and of sockets */
void *sio_namespace_user(const struct sio_namespace *nsp);

/* A middleware lets the socket in, or not, now or later: it answers once, with sio_next() or sio_refuse(), also where the
 * client has left meanwhile. The socket may join rooms and be spoken to; it is not connected yet. */
typedef void sio_middleware_fn(void *user, struct sio_socket *s, struct sio_next *next);
void sio_use(struct sio_namespace *nsp, sio_middleware_fn *fn, void *user);
void sio_next(struct sio_next *next);
void sio_refuse(struct sio_next *next, const char *message, const char *data_json); /* data NULL: none */

/* On connection it has joined its own room, and its client has been sent the answer. */
typedef void sio_socket_fn(void *user, struct sio_socket *s);
void sio_on_connection(struct sio_namespace *nsp, sio_socket_fn *fn, void *user);
void sio_off_connection(struct sio_namespace *nsp, sio_socket_fn *fn); /* fn NULL: all */

/* A room came to be or went away, a socket joined or left one ("create-room" … of the adapter). id is NULL in
 * the first two. The last one registered counts. */
enum sio_room_event { SIO_CREATE_ROOM, SIO_DELETE_ROOM, SIO_JOIN_ROOM, SIO_LEAVE_ROOM };
void sio_on_room(struct sio_namespace *nsp,
                 void (*fn)(void *user, enum sio_room_event what, const char *room, const char *id), void *user);
void sio_each_room(struct sio_namespace *nsp, void (*fn)(void *user, const char *room, size_t members), void *user);

/* ===================== handlers ===================== *
 * On a namespace they serve every socket of it, and cost nothing for each; on a socket, that one alone. Order of an
 * event: on_any, packet middlewares, then its named handlers; the namespace's before the socket's own. */

/* args and ack are borrowed for the call. ack is NULL if the client wants none; to answer later, sio_ack_ref(). */
typedef void sio_event_fn(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack);
typedef void sio_any_fn(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack);
/* what sio_emit() and friends send to s; ack is not told */
typedef void sio_outgoing_fn(void *user, struct sio_socket *s, const char *event, struct sio_args args);
/* May change args (point it elsewhere) until it returns. False: refused, with *error as the reason. */
typedef bool sio_packet_fn(void *user, struct sio_socket *s, const char *event, struct sio_args *args, const char **error);
/* Answers once, with sio_packet_pass() or sio_packet_refuse(), now or later, also where the client has left meanwhile, and before
 * the server goes. event and args live until then. Events may overtake each other while it thinks, as in Node. */
struct sio_packet_next;
typedef void sio_packet_later_fn(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_packet_next *next);
void sio_packet_pass(struct sio_packet_next *next);
void sio_packet_refuse(struct sio_packet_next *next, const char *error);
typedef void sio_error_fn(void *user, struct sio_socket *s, const char *error);
/* reason: "transport close", "ping timeout" … as in Node; description: more of it, or NULL. */
typedef void sio_leave_fn(void *user, struct sio_socket *s, const char *reason, const char *description);

void sio_on(struct sio_namespace *nsp, const char *event, sio_event_fn *fn, void *user);
void sio_off(struct sio_namespace *nsp, const char *event, sio_event_fn *fn); /* fn NULL: all of the event */
void sio_on_any(struct sio_namespace *nsp, sio_any_fn *fn, void *user);
void sio_on_any_outgoing(struct sio_namespace *nsp, sio_outgoing_fn *fn, void *user);
void sio_use_packets(struct sio_namespace *nsp, sio_packet_fn *fn, void *user);
void sio_use_packets_later(struct sio_namespace *nsp, sio_packet_later_fn *fn, void *user);
/* What a packet middleware refused; and a packet that nobody can read, before the connection is closed for it. */
void sio_on_error(struct sio_namespace *nsp, sio_error_fn *fn, void *user);
void sio_on_disconnecting(struct sio_namespace *nsp, sio_leave_fn *fn, void *user);   /* rooms are still joined */
void sio_on_disconnect(struct sio_namespace *nsp, sio_leave_fn *fn, void *user);      /* rooms are left */

void sio_socket_on(struct sio_socket *s, const char *event, sio_event_fn *fn, void *user);
void sio_socket_once(struct sio_socket *s, const char *event, sio_event_fn *fn, void *user);
void sio_socket_off(struct sio_socket *s, const char *event, sio_event_fn *fn);
void sio_socket_on_any(struct sio_socket *s, sio_any_fn *fn, void *user);
void sio_socket_prepend_any(struct sio_socket *s, sio_any_fn *fn, void *user);
void sio_socket_off_any(struct sio_socket *s, sio_any_fn *fn);                        /* NULL: all */
void sio_socket_on_any_outgoing(struct sio_socket *s, sio_outgoing_fn *fn, void *user);
void sio_socket_prepend_any_outgoing(struct sio_socket *s, sio_outgoing_fn *fn, void *user);
void sio_socket_off_any_outgoing(struct sio_socket *s, sio_outgoing_fn *fn);
/* How many there are on this socket alone: of the event; of on_any, before and behind; of what goes out. */
size_t sio_socket_listeners(const struct sio_socket *s, const char *event);
size_t sio_socket_listeners_any(const struct sio_socket *s);
size_t sio_socket_listeners_any_outgoing(const struct sio_socket *s);
void sio_socket_use(struct sio_socket *s, sio_packet_fn *fn, void *user);
void sio_socket_use_later(struct sio_socket *s, sio_packet_later_fn *fn, void *user);
void sio_socket_on_error(struct sio_socket *s, sio_error_fn *fn, void *user);
void sio_socket_on_disconnecting(struct sio_socket *s, sio_leave_fn *fn, void *user);
void sio_socket_on_disconnect(struct sio_socket *s, sio_leave_fn *fn, void *user);

/* ===================== acknowledgements ===================== */

void sio_ack_send(struct sio_ack *ack, struct sio_args args); /* once; again, or to one who left, does nothing; NULL does nothing */
struct sio_ack *sio_ack_ref(struct sio_ack *ack);             /* NULL gives NULL */
void sio_ack_unref(struct sio_ack *ack);                      /* NULL does nothing */

/* error is NULL, or "operation has timed out"; args are borrowed for the call. */
typedef void sio_answer_fn(void *user, const char *error, struct sio_args args);
/* From many: responses holds one value for each client that answered, its first argument. */
typedef void sio_answers_fn(void *user, const char *error, struct sio_args responses);

/* ===================== Socket ===================== */

const char *sio_socket_id(const struct sio_socket *s);        /* public; not the secret of its connection */
struct sio_namespace *sio_socket_namespace(const struct sio_socket *s);
struct eio_session *sio_socket_conn(const struct sio_socket *s); /* its Engine.IO session; NULL once that is closed */
bool sio_socket_connected(const struct sio_socket *s);
bool sio_socket_recovered(const struct sio_socket *s);
struct sio_socket *sio_socket_ref(struct sio_socket *s);
void sio_socket_unref(struct sio_socket *s);

/* data: a JSON object, which travels in fetch and recovery; user: a pointer of yours. */
struct slice sio_socket_data(const struct sio_socket *s);     /* "{}" at first */
void sio_socket_set_data(struct sio_socket *s, struct slice json); /* trusted, copied; what sio_socket_data() gave before is void */
void *sio_socket_user(const struct sio_socket *s);
void sio_socket_set_user(struct sio_socket *s, void *user);

/* The handshake: headers and query of the request that opened the connection, auth of the CONNECT packet. */
struct sio_handshake {
	const struct eio_request *request; /* headers, query, target (url), remote (address), secure; NULL once dropped */
	int64_t issued_ms;
	bool xdomain;                      /* had an Origin header */
	struct slice auth;                 /* a JSON object */
};
struct sio_handshake sio_socket_handshake(const struct sio_socket *s);
/* {headers, time, address, xdomain, secure, issued, url, query, auth}; without auth if auth is false. */
void sio_socket_handshake_json(const struct sio_socket *s, bool auth, struct buf *out);

/* 0, or -EINVAL: a reserved event name (sio_reserved says which); -ENOTCONN: not connected. */
int sio_socket_emit(struct sio_socket *s, const char *event, struct sio_args args);
enum sio_flags {
	SIO_VOLATILE = 1,      /* dropped if the transport cannot take it now */
	SIO_UNCOMPRESSED = 2,
	SIO_TRANSIENT = 4,     /* sent like any other, but not kept for recovery: worth nothing once the next one is there */
	SIO_COALESCE = 8,      /* transient; and an earlier one of the same event that still waits for the client is left out: a
	                        * slow one gets the newest. With attachments, and where an answer is wanted, all are sent */
};
int sio_socket_emit_flags(struct sio_socket *s, unsigned flags, const char *event, struct sio_args args);
/* fn is called once, later: with the answer, or an error after timeout_ms. timeout_ms 0: none; then fn is never called if
 * the client vanishes, unless the server ends. Errors as of sio_socket_emit(): then fn is not called. */
int sio_socket_emit_ack(struct sio_socket *s, unsigned flags, uint32_t timeout_ms, const char *event, struct sio_args args,
                        sio_answer_fn *fn, void *user);
const char *sio_reserved(const char *event); /* NULL, or `"connect" is a reserved event name`; valid until the next call of this thread */

void sio_socket_join(struct sio_socket *s, const char *room); /* not beyond max_rooms_per_socket */
void sio_socket_leave(struct sio_socket *s, const char *room);
/* How many it is in, all of which fn is told if it is not NULL, also where it leaves them, or ends the socket, meanwhile. */
size_t sio_socket_each_room(const struct sio_socket *s, void (*fn)(void *user, const char *room), void *user);
bool sio_socket_in(const struct sio_socket *s, const char *room);
void sio_socket_disconnect(struct sio_socket *s, bool close); /* close: the whole connection */

/* Bytes that wait for this client, and how many events it has missed: volatile ones, and those of SIO_OVERFLOW_DROP. */
size_t sio_socket_queued(const struct sio_socket *s);
uint64_t sio_socket_dropped(const struct sio_socket *s);

/* ===================== BroadcastOperator ===================== *
 * A plain value: copy it, keep it as long as the names in it live. Each function gives a new one. */

/* Rooms, and rooms left out: so many calls of each; one more makes it mean nobody, and is logged. Lists have no limit. */
#define SIO_OPERATOR_TERMS 16
struct sio_operator {
	struct sio_namespace *nsp;
	const struct sio_socket *sender;   /* left out; NULL: nobody is */
	struct sio_term {
		const char *one;
		const char *const *list;
		size_t n;
	} to[SIO_OPERATOR_TERMS], except[SIO_OPERATOR_TERMS];
	uint8_t nto, nexcept;
	unsigned flags;
	bool local;
	uint32_t timeout_ms;
};
struct sio_operator sio_all(struct sio_namespace *nsp);             /* io, io.of(nsp) */
struct sio_operator sio_broadcast(const struct sio_socket *s);      /* socket.broadcast: all but s */
struct sio_operator sio_to(struct sio_operator op, const char *room);   /* in() is the same */
struct sio_operator sio_to_list(struct sio_operator op, const char *const *rooms, size_t n); /* n 0 adds none, as in Node */
struct sio_operator sio_except(struct sio_operator op, const char *room);
struct sio_operator sio_except_list(struct sio_operator op, const char *const *rooms, size_t n);
struct sio_operator sio_volatile(struct sio_operator op);
struct sio_operator sio_transient(struct sio_operator op);           /* not kept for recovery */
struct sio_operator sio_coalesce(struct sio_operator op);            /* of those that wait for a client, the newest */
struct sio_operator sio_compress(struct sio_operator op, bool on);
struct sio_operator sio_local(struct sio_operator op);
struct sio_operator sio_timeout(struct sio_operator op, uint32_t ms); /* for sio_emit_ack() and sio_fetch_views() */

int sio_emit(struct sio_operator op, const char *event, struct sio_args args); /* 0, or -EINVAL: reserved name */
/* fn is called once: when all have answered, on every server of a cluster, or with an error and the answers so far: after
 * timeout_ms (0: after 1 ms, as Node does) "operation has timed out", or what sio_server_set_redis() says.
 * -EINVAL: reserved name; -ENOTSUP: nsp is a parent. */
int sio_emit_ack(struct sio_operator op, const char *event, struct sio_args args, sio_answers_fn *fn, void *user);
void sio_fetch_sockets(struct sio_operator op, sio_socket_fn *fn, void *user); /* fn for each that is connected here */
/* Those on the other servers of a cluster too: sockets is a JSON array of {"id", "handshake", "rooms", "data"}, handshake
 * as of sio_socket_handshake_json(). fn is called once, after this has returned. error is NULL, or says why sockets is
 * only a part: "timeout reached while waiting for fetchSockets response" after timeout_ms (0: requests_timeout_ms), or
 * what sio_server_set_redis() says. To speak to one of them: sio_to(sio_all(nsp), id). 0, or -ENOTSUP: nsp is a parent. */
typedef void sio_views_fn(void *user, const char *error, struct slice sockets);
int sio_fetch_views(struct sio_operator op, sio_views_fn *fn, void *user);
void sio_sockets_join(struct sio_operator op, const char *const *rooms, size_t n);
void sio_sockets_leave(struct sio_operator op, const char *const *rooms, size_t n);
void sio_disconnect_sockets(struct sio_operator op, bool close);

/* ===================== a cluster ===================== *
 * Servers that share a Redis, here or in Node (@socket.io/redis-adapter 8, createAdapter) and with programs that only
 * emit (@socket.io/redis-emitter): what an operator means is then meant on all of them, unless it is sio_local(). Rooms
 * and disconnections take effect here at once and elsewhere when the message is there. Recovery is of one server alone: a
 * client that comes back to another begins anew. */

struct sio_redis_options {
	const char *url;                   /* "redis://[[user]:password@]host[:port][/db]" or "unix://…/path?db=n"; copied */
	const char *key;                   /* what channels start with; "socket.io"; copied */
	uint32_t requests_timeout_ms;      /* how long others may take to answer: 5000 */
	bool publish_on_specific_response_channel; /* answers go to who asked alone; he must be of version 8: false */
};
void sio_redis_options_init(struct sio_redis_options *o); /* the defaults; url is yours to set */

/* Once, at any time. Connects by itself, again and again, without waiting; the log is told when Redis is lost and when it is
 * back. While it is not there everything goes on among the clients here, and what is asked of all servers is answered
 * with what is known here and the error "Redis is not connected"; with others of their kind ("Redis does not answer", "too
 * many requests to other servers are under way", "the answers are too large, and some were left out", "the server is
 * shutting down") it is the same. What the others say while Redis is away is lost to us, and what we say to them.
 * Freed by sio_server_free(). 0, or with *why, a text that stays, -EINVAL: what is wrong with the URL; -EALREADY: there is one,
 * or the server is being freed. */
int sio_server_set_redis(struct sio_server *io, const struct sio_redis_options *o, const char **why);
/* What was heard there and made no sense, or came when too much was under way (base/limits.h). */
struct sio_cluster_counts {
	bool up;                           /* connected, and subscribed to everything */
	uint64_t junk, refused;
};
struct sio_cluster_counts sio_server_cluster(const struct sio_server *io); /* all zero for a server that is alone */

/* An event to the handlers of sio_on_server() on every other server. fn is NULL, or called once, after this has
 * returned: responses holds one value of each server; error is NULL, or after requests_timeout_ms "timeout reached: only x
 * responses received out of y", or what sio_server_set_redis() says. Binary arrives as {"type":"Buffer","data":[bytes]},
 * because servers write this in JSON. 0; -EINVAL: a reserved name (connect, connection, new_namespace); -ENOTSUP: this
 * server is alone, and fn is never called, as in Node. */
int sio_server_side_emit(struct sio_namespace *nsp, const char *event, struct sio_args args, sio_answers_fn *fn, void *user);
/* args and ack are borrowed for the call; ack is NULL if the other server wants none. To answer later, sio_ack_ref(): the
 * first argument is what it gets. */
typedef void sio_server_event_fn(void *user, struct sio_namespace *nsp, struct sio_args args, struct sio_ack *ack);
void sio_on_server(struct sio_namespace *nsp, const char *event, sio_server_event_fn *fn, void *user);

/* ===================== Node and C =====================
 *
 * new Server(opts)                sio_server_new              io.close()                  sio_server_free
 * io.attach, listen, bind         http_server_attach          io.engine                   sio_engine
 * io.path, serveClient            sio_options, attach's flag  engine.clientsCount         eio_server_clients
 * io.of(name)                     sio_of                      io.of(/re/), io.of(fn)      sio_of_regex, sio_of_match_later
 * io.emit, nsp.emit               sio_emit(sio_all(nsp), …)   io.send, write              sio_emit(…, "message", …)
 * io.on("connection")             sio_on_connection           io.use                      sio_use
 * io.on("new_namespace")          sio_on_new_namespace        engine "connection_error"   sio_on_connection_error
 * engine "connection", "close"    sio_on_engine               io.sockets                  sio_of(io, "/")
 * engine "initial_headers" …      options.engine.headers …    io.engine.use               http_options.guard
 * to, in                          sio_to                      except                      sio_except
 * local, volatile, compress       sio_local, …                timeout                     sio_timeout
 * emitWithAck, emit with callback sio_emit_ack                fetchSockets, local          sio_fetch_views, …_sockets
 * socketsJoin, socketsLeave       sio_sockets_join, …_leave   disconnectSockets           sio_disconnect_sockets
 * serverSideEmit                  sio_server_side_emit        nsp.on(a server's event)    sio_on_server
 * createAdapter (Redis)           sio_server_set_redis        nsp.name, nsp.sockets       sio_namespace_name, sio_each_socket
 * adapter.rooms, sids             sio_each_room, …_socket_each_room
 * adapter "create-room" …         sio_on_room                 nsp.on(…), all its sockets  sio_on, sio_on_any, …
 * nsp.sockets.get(id)             sio_namespace_socket        nsp.sockets.size            sio_namespace_count
 * socket.id, nsp, rooms           sio_socket_id, …            socket.handshake            sio_socket_handshake
 * socket.data, recovered          sio_socket_data, …          connected, disconnected     sio_socket_connected
 * socket.request                  sio_socket_handshake        socket.emit                 sio_socket_emit
 * socket.conn                     sio_socket_conn             socket.send, write          sio_socket_emit(s, "message", …)
 * conn.id, protocol               eio_session_id, …_protocol  conn.transport.name         eio_session_transport
 * conn.remoteAddress, request     eio_session_request         conn.readyState             eio_session_is_open
 * conn "upgrade", "drain"         sio_on_conn                 conn "packet" …             sio_on_conn
 * socket.emitWithAck, timeout     sio_socket_emit_ack         socket.volatile, compress   sio_socket_emit_flags
 * socket.on, once, off            sio_socket_on, …            socket.onAny, prependAny    sio_socket_on_any, …
 * socket.offAny, onAnyOutgoing    sio_socket_off_any, …       socket.use                  sio_socket_use
 * removeAllListeners(event)       sio_socket_off(s, e, NULL)  prependAnyOutgoing …        sio_socket_prepend_any_outgoing, …
 * socket.on("error")              sio_socket_on_error         socket.join, leave          sio_socket_join, …_leave
 * socket.to, in, except           sio_to(sio_broadcast(s), …) socket.broadcast, local     sio_broadcast, sio_local
 * use(…, next) that waits         sio_socket_use_later        listeners, listenersAny …    sio_socket_listeners, …_any
 * engine.generateId               options.engine.generate_id  cors.origin as a function   options.engine.cors.allows
 * nsp.off("connection")           sio_off_connection
 * socket.disconnect(close)        sio_socket_disconnect       "disconnecting"             sio_on_disconnecting
 * "disconnect"                    sio_on_disconnect           conn.close()                eio_session_close
 * cleanupEmptyChildNamespaces, connectionStateRecovery, connectTimeout, parser, path …        sio_options
 */

#endif
