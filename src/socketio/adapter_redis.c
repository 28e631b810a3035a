/* adapter_redis.c: the other servers, reached through Redis in the format of @socket.io/redis-adapter 8 (redis_wire.h).
 *
 * For a namespace N, with P for the key ("socket.io"):
 *
 *   P#N#            broadcasts; P#N#room# where one room is meant, which who has nobody in it need not read
 *   P-request#N#    what is asked of every server
 *   P-response#N#   answers, and with the asker's uid and # behind it, those for him alone
 *
 * One thing is done otherwise than in Node: what a server asks of all (to join, to leave, to go) it does at once to its own
 * clients, and passes over when it comes back from Redis. The rooms are then right for the next line of the program, and
 * stay so while Redis is away. */
#include "base/limits.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "socketio/adapter_redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char not_connected[] = "Redis is not connected";
static const char no_answer[] = "Redis does not answer";
static const char too_many[] = "too many requests to other servers are under way";
static const char too_large[] = "the answers are too large, and some were left out";
static const char leaving[] = "the server is shutting down";

/* What we asked, and wait for the others' answers. */
struct request {
	unsigned refs;
	struct peers *peers;           /* NULL: it is over */
	char id[WIRE_ID_LEN + 1];
	enum wire_type type;           /* WIRE_FETCH, WIRE_SERVER_EMIT, WIRE_BROADCAST */
	bool over;                     /* nobody answers any more: the timer brings the end */
	bool counted;                  /* how many others there are is known: expected */
	size_t expected, came;
	struct loop_timer timer;
	struct buf text;               /* what came; of a fetch, ours first */
	const char *error;
	sio_views_fn *views;
	sio_answers_fn *answers;
	void *user;
	struct many *many;
};

/* --- sending --- */

int peers_publish(struct peers *p, const char *channel, const struct buf *b)
{
	struct redis_word words[] = {redis_word("PUBLISH"), redis_word(channel), {b->data, b->len}};

	return redis_command(p->adapter->redis, NULL, NULL, words, 3);
}

int peers_publish_packed(struct peers *p, const char *channel, const struct buf *text, const struct sio_blob *blobs, size_t nblobs)
{
	struct buf packed;
	int err;

	buf_init(&packed, SIZE_MAX / 2);
	wire_pack(&packed, slice_of(text->data, text->len), blobs, nblobs);
	err = peers_publish(p, channel, &packed);
	buf_release(&packed);
	return err;
}

/* How many names an operator's rooms are, and the last of them. */
static size_t count_rooms(const struct sio_operator *op, const char **last)
{
	size_t n = 0;

	for (size_t i = 0; i < op->nto; i++) {
		n += op->to[i].n + (op->to[i].one != NULL);
		if (op->to[i].n)
			*last = op->to[i].list[op->to[i].n - 1];
		else if (op->to[i].one)
			*last = op->to[i].one;
	}
	return n;
}

/* An empty list of rooms is nobody here, but everybody to who reads the message. */
static bool means_nobody(const struct sio_operator *op)
{
	const char *room;

	return op->nto && !count_rooms(op, &room);
}

static void peers_emit(struct peers *p, const struct sio_operator *op, const char *event, struct sio_args args)
{
	const char *room = NULL;
	char *channel = NULL;
	struct buf b;

	if (means_nobody(op) || !redis_takes(p->adapter->redis))
		return;
	if (count_rooms(op, &room) == 1)
		channel = xasprintf("%s%s#", p->broadcasts, room);
	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "[\"%s\",", p->adapter->uid);
	wire_put_packet(&b, p->nsp->name, event, args);
	buf_addc(&b, ',');
	wire_put_opts(&b, op);
	buf_addc(&b, ']');
	peers_publish_packed(p, channel ? channel : p->broadcasts, &b, args.blobs, args.nblobs);
	buf_release(&b);
	free(channel);
}

static void start_request(struct buf *b, const struct peers *p, const char *id, enum wire_type type)
{
	buf_init(b, SIZE_MAX / 2);
	buf_addf(b, "{\"uid\":\"%s\"", p->adapter->uid);
	if (id)
		buf_addf(b, ",\"requestId\":\"%s\"", id);
	buf_addf(b, ",\"type\":%d", (int)type);
}

static void peers_rooms(struct peers *p, const struct sio_operator *op, const char *const *rooms, size_t n, bool join)
{
	struct buf b;

	if (means_nobody(op))
		return;
	start_request(&b, p, NULL, join ? WIRE_JOIN : WIRE_LEAVE);
	buf_adds(&b, ",\"opts\":");
	wire_put_opts(&b, op);
	buf_adds(&b, ",\"rooms\":");
	wire_put_names(&b, rooms, n);
	buf_addc(&b, '}');
	peers_publish(p, p->requests, &b);
	buf_release(&b);
}

static void peers_disconnect(struct peers *p, const struct sio_operator *op, bool close)
{
	struct buf b;

	if (means_nobody(op))
		return;
	start_request(&b, p, NULL, WIRE_DISCONNECT);
	buf_adds(&b, ",\"opts\":");
	wire_put_opts(&b, op);
	buf_addf(&b, ",\"close\":%s}", close ? "true" : "false");
	peers_publish(p, p->requests, &b);
	buf_release(&b);
}

/* --- asking --- */

static void request_unref(struct request *q)
{
	if (--q->refs)
		return;
	buf_release(&q->text);
	free(q);
}

/* Nothing that comes counts any more. The caller has a reference of its own if it goes on. */
static void request_detach(struct request *q)
{
	struct peers *p = q->peers;

	q->peers = NULL;
	p->adapter->asked--;
	loop_timer_clear(p->adapter->io->loop, &q->timer);
	map_del(&p->asked, q->id, WIRE_ID_LEN);
	request_unref(q);
}

static void request_end(struct request *q, const char *error)
{
	q->refs++;
	request_detach(q);
	error = error ? error : q->error;
	switch (q->type) {
	case WIRE_FETCH:
		buf_addc(&q->text, ']');
		q->views(q->user, error, slice_of(q->text.data, q->text.len));
		break;
	case WIRE_SERVER_EMIT:
		if (q->answers)
			q->answers(q->user, error, sio_json_slice(slice_of(q->text.data, q->text.len)));
		break;
	default:
		many_complete(q->many, error);
	}
	request_unref(q);
}

static void on_request_timeout(struct loop_timer *t);

/* Ends in a moment: whoever calls this stands in the middle of something. */
static void request_give_up(struct request *q, const char *why)
{
	if (q->over)
		return;
	q->over = true;
	q->error = why;
	loop_timer_set(q->peers->adapter->io->loop, &q->timer, 1, on_request_timeout);
}

static void request_check(struct request *q)
{
	if (!q->counted || q->came < q->expected)
		return;
	if (q->type == WIRE_BROADCAST)
		many_complete(q->many, NULL); /* all clients are known; what they answer comes through q, until forget() */
	else
		request_end(q, NULL);
}

static void on_request_timeout(struct loop_timer *t)
{
	struct request *q = list_item(t, struct request, timer);
	char text[100];

	if (q->over) {
		request_end(q, NULL);
	} else if (!q->counted) {
		request_end(q, no_answer);
	} else if (q->type == WIRE_FETCH) {
		request_end(q, "timeout reached while waiting for fetchSockets response");
	} else {
		snprintf(text, sizeof text, "timeout reached: only %zu responses received out of %zu", q->came, q->expected);
		request_end(q, text);
	}
}

/* PUBSUB NUMSUB: [channel, how many], us among them. */
static void on_count(void *arg, const struct redisReply *reply)
{
	struct request *q = arg;
	long long n = reply && redis_count(reply) == 2 ? redis_number(redis_at(reply, 1)) : 0;

	if (q->peers && !reply) {
		request_give_up(q, not_connected);
	} else if (q->peers) {
		q->counted = true;
		q->expected = n > 1 ? (size_t)n - 1 : 0;
		request_check(q);
	}
	request_unref(q);
}

static int ask_count(struct request *q)
{
	struct redis_word words[] = {redis_word("PUBSUB"), redis_word("NUMSUB"), redis_word(q->peers->requests)};
	int err = redis_command(q->peers->adapter->redis, on_count, q, words, 3);

	if (!err)
		q->refs++;
	return err;
}

static struct request *request_new(struct peers *p, enum wire_type type)
{
	struct request *q = xzalloc(sizeof *q);

	q->refs = 1;
	q->peers = p;
	q->type = type;
	do
		wire_id(q->id);
	while (map_get(&p->asked, q->id, WIRE_ID_LEN));
	buf_init(&q->text, SIZE_MAX / 2); /* ours are as many as they are; what others add is counted */
	map_set(&p->asked, q->id, WIRE_ID_LEN, q);
	p->adapter->asked++;
	return q;
}

static const char *refusal(int err)
{
	return err == -ENOBUFS ? no_answer : not_connected; /* it takes no more because it does not answer */
}

static const char *cannot_ask(const struct adapter *a)
{
	return a->asked >= LIMIT_CLUSTER_ASKED ? too_many : !redis_is_up(a->redis) ? not_connected : NULL;
}

/* Sends a request and sets its end: later in any case. */
static void request_send(struct request *q, const struct buf *b, uint32_t timeout_ms)
{
	int err = 0;

	loop_timer_set(q->peers->adapter->io->loop, &q->timer, timeout_ms, on_request_timeout);
	if (!q->error) {
		err = peers_publish(q->peers, q->peers->requests, b);
		if (!err)
			err = ask_count(q);
	}
	if (err || q->error)
		request_give_up(q, err ? refusal(err) : q->error);
}

static void peers_fetch(struct peers *p, const struct sio_operator *op, sio_views_fn *fn, void *user)
{
	const char *error = cannot_ask(p->adapter);
	struct request *q = request_new(p, WIRE_FETCH);
	struct buf b;

	q->error = error;
	q->views = fn;
	q->user = user;
	buf_addc(&q->text, '[');
	sio_fetch_sockets(*op, socket_add_view, &q->text);
	start_request(&b, p, q->id, WIRE_FETCH);
	buf_adds(&b, ",\"opts\":");
	wire_put_opts(&b, op);
	buf_addc(&b, '}');
	request_send(q, &b, op->timeout_ms ? op->timeout_ms : p->adapter->timeout_ms);
	buf_release(&b);
}

static void peers_server_emit(struct peers *p, const char *event, struct sio_args args, sio_answers_fn *fn, void *user)
{
	const char *error = cannot_ask(p->adapter);
	struct request *q = fn ? request_new(p, WIRE_SERVER_EMIT) : NULL;
	struct sio_builder all;
	struct buf b;

	sio_builder_init(&all);
	sio_add_string(&all, event);
	sio_add_all(&all, args);
	start_request(&b, p, q ? q->id : NULL, WIRE_SERVER_EMIT);
	buf_adds(&b, ",\"data\":");
	wire_put_plain(&b, sio_built(&all));
	buf_addc(&b, '}');
	if (q) {
		q->error = error;
		q->answers = fn;
		q->user = user;
		request_send(q, &b, p->adapter->timeout_ms);
	} else {
		peers_publish(p, p->requests, &b);
	}
	buf_release(&b);
	sio_builder_release(&all);
}

static struct request *peers_emit_ack(struct peers *p, const struct sio_operator *op, const char *event, struct sio_args args,
                                      struct many *m, const char **error)
{
	struct request *q;
	struct buf b;
	int err;

	if (means_nobody(op))
		return NULL;
	*error = cannot_ask(p->adapter);
	if (*error)
		return NULL;
	q = request_new(p, WIRE_BROADCAST);
	q->many = m;
	start_request(&b, p, q->id, WIRE_BROADCAST);
	buf_adds(&b, ",\"packet\":");
	wire_put_packet(&b, p->nsp->name, event, args);
	buf_adds(&b, ",\"opts\":");
	wire_put_opts(&b, op);
	buf_addc(&b, '}');
	err = peers_publish_packed(p, p->requests, &b, args.blobs, args.nblobs);
	if (!err)
		err = ask_count(q);
	buf_release(&b);
	if (!err)
		return q;
	*error = refusal(err);
	request_detach(q);
	return NULL;
}

/* --- what came back --- */

void peers_junk(struct peers *p, const char *channel)
{
	if (!p->adapter->counts.junk++)
		log_warn("socketio: what came on Redis channel %s makes no sense; further such messages are counted alone", channel);
}

static void add_answer(struct request *q, struct slice v, char before)
{
	if (q->text.len + v.n >= LIMIT_CLUSTER_ANSWER_BYTES) {
		q->error = too_large;
		return;
	}
	if (q->text.len && q->text.data[q->text.len - 1] != before)
		buf_addc(&q->text, ',');
	json_add_slice(&q->text, v);
}

static void add_views(struct request *q, struct slice sockets)
{
	struct slice v, id;

	if (!sockets.n)
		return;
	for (struct json_walk w = json_walk(sockets); json_next(&w, &v);)
		if (json_type(v) == JSON_IS_OBJECT && json_get(v, "id", &id) && json_type(id) == JSON_IS_STRING)
			add_answer(q, v, '[');
}

static void take_response(struct request *q, const struct wire *w)
{
	if (q->type == WIRE_BROADCAST && w->type == WIRE_ACK) {
		many_answer(q->many, w->args); /* it may be the last: then q is gone */
		return;
	}
	if (q->type == WIRE_BROADCAST && w->type != WIRE_CLIENT_COUNT)
		return;
	q->came++;
	if (q->type == WIRE_BROADCAST)
		many_clients(q->many, w->client_count);
	else if (q->type == WIRE_FETCH)
		add_views(q, w->sockets);
	else
		add_answer(q, w->data.n ? w->data : slice_str("null"), '\0');
	request_check(q);
}

static void on_response(void *user, const char *channel, size_t nchannel, const char *data, size_t n)
{
	struct peers *p = user;
	struct request *q;
	struct wire w;

	(void)nchannel;
	if (wire_read_response(&w, data, n)) {
		q = map_get(&p->asked, w.request_id, strlen(w.request_id));
		if (q)
			take_response(q, &w);
	} else {
		peers_junk(p, channel);
	}
	wire_release(&w);
}

/* --- broadcasts --- */

bool peers_said_it(const struct peers *p, const struct wire *w)
{
	return w->uid && strcmp(w->uid, p->adapter->uid) == 0;
}

struct sio_operator peers_operator(const struct peers *p, const struct wire_names *rooms, const struct wire *w)
{
	struct sio_operator op = sio_all(p->nsp);

	if (rooms->given) /* not by sio_to_list(): a list of which none is left means nobody */
		op.to[op.nto++] = (struct sio_term){.list = (const char *const *)rooms->at, .n = rooms->n};
	if (w->opts.except.n)
		op = sio_except_list(op, (const char *const *)w->opts.except.at, w->opts.except.n);
	op.flags = w->opts.flags;
	op.timeout_ms = w->opts.timeout_ms;
	op.local = true;
	return op;
}

/* The one room that a channel names is looked for before anything is decoded. */
static bool concerns_us(const struct peers *p, const char *channel, size_t nchannel)
{
	size_t n = strlen(p->broadcasts);

	if (nchannel < n || memcmp(channel, p->broadcasts, n) != 0)
		return false;
	return nchannel - n < 2 || map_get(&p->nsp->rooms, channel + n, nchannel - n - 1);
}

/* Our own come back to us: [uid, …] as we write it. */
static bool starts_with_uid(const struct peers *p, const char *data, size_t n)
{
	return n > 2 + WIRE_ID_LEN && (unsigned char)data[0] == 0x93 && (unsigned char)data[1] == (0xa0 | WIRE_ID_LEN) &&
	       memcmp(data + 2, p->adapter->uid, WIRE_ID_LEN) == 0;
}

static void on_broadcast(void *user, const char *channel, size_t nchannel, const char *data, size_t n)
{
	struct peers *p = user;
	struct sio_operator op;
	struct wire w;

	if (!concerns_us(p, channel, nchannel) || starts_with_uid(p, data, n))
		return;
	if (!wire_read_broadcast(&w, data, n)) {
		peers_junk(p, channel);
	} else if (!peers_said_it(p, &w) && strcmp(w.nsp, p->nsp->name) == 0 && (w.opts.rooms.n || !w.opts.rooms.given)) {
		op = peers_operator(p, &w.opts.rooms, &w);
		operator_emit_here(&op, w.event, w.args);
	}
	wire_release(&w);
}

/* --- coming and going --- */

/* PSUBSCRIBE takes a pattern: what a name holds of its signs means itself. */
static char *pattern_of(const char *channel)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	for (const char *p = channel; *p; p++) {
		if (strchr("*?[]\\", *p))
			buf_addc(&b, '\\');
		buf_addc(&b, *p);
	}
	buf_addc(&b, '*');
	return buf_take(&b, NULL);
}

static struct peers *adapter_join_namespace(struct cluster *c, struct sio_namespace *nsp)
{
	struct adapter *a = (struct adapter *)c;
	struct peers *p = xzalloc(sizeof *p);

	p->adapter = a;
	p->nsp = nsp;
	list_push(&a->namespaces, &p->link);
	list_init(&p->served);
	list_init(&p->acks);
	map_init(&p->asked);
	p->broadcasts = xasprintf("%s#%s#", a->key, nsp->name);
	p->pattern = pattern_of(p->broadcasts);
	p->requests = xasprintf("%s-request#%s#", a->key, nsp->name);
	p->responses = xasprintf("%s-response#%s#", a->key, nsp->name);
	p->mine = xasprintf("%s%s#", p->responses, a->uid);
	redis_subscribe(a->redis, p->pattern, true, on_broadcast, p);
	redis_subscribe(a->redis, p->responses, false, on_response, p);
	redis_subscribe(a->redis, p->mine, false, on_response, p);
	redis_subscribe(a->redis, p->requests, false, serve_request, p); /* last: by it the others count us */
	return p;
}

static void peers_free(void *arg)
{
	struct peers *p = arg;

	map_release(&p->asked);
	free(p->broadcasts);
	free(p->pattern);
	free(p->requests);
	free(p->responses);
	free(p->mine);
	free(p);
}

static void peers_leave(struct peers *p)
{
	struct adapter *a = p->adapter;
	struct loop *l = a->io->loop;
	struct map_iter it;

	redis_unsubscribe(a->redis, p->requests, false);
	redis_unsubscribe(a->redis, p->mine, false);
	redis_unsubscribe(a->redis, p->responses, false);
	redis_unsubscribe(a->redis, p->pattern, true);
	serve_leave(p);
	it = map_begin(&p->asked);
	for (struct map_entry *e; (e = map_next(&it));)
		request_end(e->value, leaving);
	list_remove(&p->link);
	p->nsp = NULL;
	loop_defer(l, peers_free, p);
}

static void on_state(void *user, bool up)
{
	struct adapter *a = user;

	if (up)
		return;
	list_each(&a->namespaces, l, after) {
		struct map_iter it = map_begin(&list_item(l, struct peers, link)->asked);

		for (struct map_entry *e; (e = map_next(&it));)
			request_give_up(e->value, not_connected);
	}
}

static void adapter_free(void *arg)
{
	struct adapter *a = arg;

	free(a->key);
	free(a);
}

static void adapter_close(struct cluster *c)
{
	struct adapter *a = (struct adapter *)c;

	redis_free(a->redis);
	loop_defer(a->io->loop, adapter_free, a); /* behind what Redis still tells */
}

static const struct cluster ops = {
	.join = adapter_join_namespace,
	.leave = peers_leave,
	.emit = peers_emit,
	.emit_ack = peers_emit_ack,
	.forget = request_detach,
	.fetch = peers_fetch,
	.rooms = peers_rooms,
	.disconnect = peers_disconnect,
	.server_emit = peers_server_emit,
	.free = adapter_close,
};

void sio_redis_options_init(struct sio_redis_options *o)
{
	*o = (struct sio_redis_options){.key = "socket.io", .requests_timeout_ms = 5000};
}

int sio_server_set_redis(struct sio_server *io, const struct sio_redis_options *o, const char **why)
{
	struct adapter *a;
	int err;

	*why = io->closing ? leaving : "it has one already";
	if (io->cluster || io->closing)
		return -EALREADY;
	a = xzalloc(sizeof *a);
	err = redis_open(&a->redis, io->loop, &(struct redis_options){.url = o->url, .on_state = on_state, .user = a}, why);
	if (err) {
		free(a);
		return err;
	}
	a->ops = ops;
	a->io = io;
	a->key = xstrdup(o->key);
	a->timeout_ms = o->requests_timeout_ms;
	a->specific = o->publish_on_specific_response_channel;
	list_init(&a->namespaces);
	wire_id(a->uid);
	server_join_cluster(io, &a->ops);
	return 0;
}

struct sio_cluster_counts sio_server_cluster(const struct sio_server *io)
{
	const struct adapter *a = (const struct adapter *)io->cluster;
	struct sio_cluster_counts c = {0};

	if (a) {
		c = a->counts;
		c.up = redis_is_up(a->redis);
	}
	return c;
}
