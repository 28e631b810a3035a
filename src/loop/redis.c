/* redis.c: one Redis on the loop. redis(1), RESP 2. */
#include "loop/redis.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/xmalloc.h"
#include "loop/redis_url.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_WAIT_MS 100
#define LONGEST_WAIT_MS 5000
#define CONNECT_MS 5000        /* to be looked up, connected and greeted */
#define DEAD_PEER_MS 15000     /* sent and not acknowledged by the other host: lost */
#define READS_A_TURN 16        /* then the others on the loop have their turn */

enum stage { AWAY, LOOKING_UP, CONNECTING, GREETING, READY };

struct redis;

/* A command whose reply is to come. */
struct pending {
	struct link link;
	redis_reply_fn *fn;
	void *user;
};

/* getaddrinfo(3) waits, for as long as it likes: it has a thread, and that may outlive everything here. Whoever of the
 * two lets go last frees it. */
struct lookup {
	char *host;
	uint16_t port;
	int done_fd;                   /* eventfd: the thread is through */
	atomic_int refs;
	atomic_bool done;              /* what follows may be read, but for attempt */
	int err;                       /* of EAI_… */
	unsigned attempt;              /* which of its addresses is wanted, round and round: not every one need serve */
	struct sockaddr_storage at;
	socklen_t len;
};

struct conn {
	struct redis *redis;
	enum stage stage;
	bool subscriber;
	struct loop_watch watch;       /* of the socket, or of a look-up */
	struct loop_timer timer;       /* to try again, or to give up trying */
	struct lookup *lookup;
	unsigned failures;
	redisReader *reader;
	struct buf out;                /* what the kernel has not taken yet */
	size_t sent;                   /* of it */
	bool flushing;                 /* at the end of this turn */
	bool full;                     /* it was refused more, and the log knows */
	struct link pending;
	size_t npending;
	size_t unconfirmed;            /* subscriptions, of a subscriber that comes up */
};

struct subscription {
	redis_message_fn *fn;
	void *user;
};

enum known { UNKNOWN, UP, DOWN };

struct redis {
	struct loop *loop;
	struct redis_url url;
	char *shown;                   /* without its password */
	struct redis_options o;
	struct conn commands, messages;
	struct map subscriptions;      /* "s" or "p" and the name */
	enum known known;              /* what the log and the owner were told */
	bool freed;
};

static void conn_start(struct conn *c);
static void conn_fail(struct conn *c, const char *why);

/* --- replies --- */

enum redis_kind redis_kind(const struct redisReply *r)
{
	switch (r->type) {
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
		return REDIS_IS_TEXT;
	case REDIS_REPLY_INTEGER:
		return REDIS_IS_NUMBER;
	case REDIS_REPLY_ARRAY:
		return REDIS_IS_LIST;
	case REDIS_REPLY_ERROR:
		return REDIS_IS_ERROR;
	default:
		return REDIS_IS_NIL;
	}
}

const char *redis_text(const struct redisReply *r, size_t *n)
{
	bool has = redis_kind(r) == REDIS_IS_TEXT || redis_kind(r) == REDIS_IS_ERROR;

	if (n)
		*n = has ? (size_t)r->len : 0;
	return has ? r->str : "";
}

long long redis_number(const struct redisReply *r)
{
	return redis_kind(r) == REDIS_IS_NUMBER ? r->integer : 0;
}

size_t redis_count(const struct redisReply *r)
{
	return redis_kind(r) == REDIS_IS_LIST ? (size_t)r->elements : 0;
}

const struct redisReply *redis_at(const struct redisReply *list, size_t i)
{
	assert(i < redis_count(list));
	return list->element[i];
}

/* --- what the owner and the log are told --- */

bool redis_is_up(const struct redis *r)
{
	return r->commands.stage == READY && r->messages.stage == READY && !r->messages.unconfirmed;
}

bool redis_takes(const struct redis *r)
{
	return r->commands.stage == READY;
}

static void tell_up(struct redis *r)
{
	if (r->known == UP || !redis_is_up(r))
		return;
	r->known = UP;
	log_info("%s: connected", r->shown);
	if (r->o.on_state)
		r->o.on_state(r->o.user, true);
}

static void tell_down(struct redis *r, const char *why)
{
	enum known before = r->known;

	if (before == DOWN)
		return;
	r->known = DOWN;
	log_warn("%s: %.*s; trying again", r->shown, (int)strcspn(why, "\r\n"), why);
	/* Who never heard that it was there need not hear that it is gone. */
	if (r->o.on_state && before == UP)
		r->o.on_state(r->o.user, false);
}

/* --- sending --- */

static void on_socket(struct loop_watch *w, uint32_t events);

static void flush(struct conn *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->watch.fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			conn_fail(c, strerror(errno));
			return;
		}
		c->sent += (size_t)n;
	}
	if (c->sent == c->out.len) {
		buf_reset(&c->out);
		c->sent = 0;
		c->full = false;
	} else if (c->sent > c->out.len / 2) {
		buf_drop(&c->out, c->sent);
		c->sent = 0;
	}
	loop_rewatch(c->redis->loop, &c->watch, EPOLLIN | (c->out.len ? EPOLLOUT : 0u));
}

static void flush_later(void *arg)
{
	struct conn *c = arg;

	c->flushing = false;
	if (c->stage >= GREETING)
		flush(c);
}

static int refuse(struct conn *c)
{
	if (!c->full)
		log_warn("%s: it does not take what it is sent: further commands are dropped", c->redis->shown);
	c->full = true;
	return -ENOBUFS;
}

static int put(struct conn *c, const struct redis_word *words, size_t n)
{
	size_t bytes = 32, before = c->out.len;

	for (size_t i = 0; i < n; i++)
		bytes += words[i].n + 32;
	if (c->out.len - c->sent + bytes > LIMIT_REDIS_WAITING_BYTES || c->npending >= LIMIT_REDIS_WAITING_COMMANDS)
		return refuse(c);
	buf_addf(&c->out, "*%zu\r\n", n);
	for (size_t i = 0; i < n; i++) {
		buf_addf(&c->out, "$%zu\r\n", words[i].n);
		buf_add(&c->out, words[i].p, words[i].n);
		buf_adds(&c->out, "\r\n");
	}
	if (c->out.full) { /* what was sent and not yet dropped counts too */
		c->out.full = false;
		c->out.data[c->out.len = before] = '\0';
		return refuse(c);
	}
	if (!c->flushing)
		loop_defer(c->redis->loop, flush_later, c);
	c->flushing = true;
	return 0;
}

static int command(struct conn *c, redis_reply_fn *fn, void *user, const struct redis_word *words, size_t n)
{
	int err = put(c, words, n);
	struct pending *p;

	if (err)
		return err;
	p = xzalloc(sizeof *p);
	p->fn = fn;
	p->user = user;
	list_push(&c->pending, &p->link);
	c->npending++;
	return 0;
}

struct redis_word redis_word(const char *text)
{
	return (struct redis_word){text, strlen(text)};
}

int redis_command(struct redis *r, redis_reply_fn *fn, void *user, const struct redis_word *words, size_t n)
{
	return r->commands.stage == READY ? command(&r->commands, fn, user, words, n) : -ENOTCONN;
}

static void answer_pending(struct conn *c, const struct redisReply *reply)
{
	struct pending *p = list_item(c->pending.next, struct pending, link);
	redis_reply_fn *fn = p->fn;
	void *user = p->user;

	list_remove(&p->link);
	c->npending--;
	free(p);
	if (fn)
		fn(user, reply);
}

/* --- subscriptions --- */

static char *subscription_key(const char *name, size_t n, bool pattern)
{
	char *key = xmalloc(n + 2);

	*key = pattern ? 'p' : 's';
	memcpy(key + 1, name, n);
	key[n + 1] = '\0';
	return key;
}

static void put_subscription(struct conn *c, const char *key, size_t n, bool on)
{
	static const char *const verbs[2][2] = {{"UNSUBSCRIBE", "SUBSCRIBE"}, {"PUNSUBSCRIBE", "PSUBSCRIBE"}};
	struct redis_word words[] = {redis_word(verbs[*key == 'p'][on]), {key + 1, n - 1}};

	/* A subscription that does not go out would be missing for good. */
	if (put(c, words, 2))
		conn_fail(c, "it takes nothing any more");
}

void redis_subscribe(struct redis *r, const char *name, bool pattern, redis_message_fn *fn, void *user)
{
	size_t n = strlen(name);
	char *key = subscription_key(name, n, pattern);
	struct subscription *s = xzalloc(sizeof *s), *former;

	s->fn = fn;
	s->user = user;
	former = map_set(&r->subscriptions, key, n + 1, s);
	free(former);
	if (!former && r->messages.stage == READY) {
		r->messages.unconfirmed += r->messages.unconfirmed > 0; /* still coming up: with this one too */
		put_subscription(&r->messages, key, n + 1, true);
	}
	free(key);
}

void redis_unsubscribe(struct redis *r, const char *name, bool pattern)
{
	size_t n = strlen(name);
	char *key = subscription_key(name, n, pattern);
	struct subscription *s = map_del(&r->subscriptions, key, n + 1);

	free(s);
	if (s && r->messages.stage == READY)
		put_subscription(&r->messages, key, n + 1, false);
	free(key);
}

static void subscribe_all(struct conn *c)
{
	struct map_iter it = map_begin(&c->redis->subscriptions);

	c->unconfirmed = map_len(&c->redis->subscriptions);
	for (struct map_entry *e; (e = map_next(&it));)
		if (c->stage == READY)
			put_subscription(c, e->key, e->len, true);
}

static void deliver(struct redis *r, bool pattern, const struct redisReply *name, const struct redisReply *channel,
                    const struct redisReply *data)
{
	size_t nname, nchannel, n;
	const char *p = redis_text(name, &nname), *where = redis_text(channel, &nchannel), *what = redis_text(data, &n);
	char *key = subscription_key(p, nname, pattern);
	struct subscription *s = map_get(&r->subscriptions, key, nname + 1);

	free(key);
	if (s)
		s->fn(s->user, where, nchannel, what, n);
}

/* ["message", channel, data], ["pmessage", pattern, channel, data], ["subscribe", channel, how many] … */
static void on_message(struct conn *c, const struct redisReply *reply)
{
	size_t n = redis_count(reply);
	const char *what = n ? redis_text(redis_at(reply, 0), NULL) : "";

	if (n == 3 && strcmp(what, "message") == 0) {
		deliver(c->redis, false, redis_at(reply, 1), redis_at(reply, 1), redis_at(reply, 2));
	} else if (n == 4 && strcmp(what, "pmessage") == 0) {
		deliver(c->redis, true, redis_at(reply, 1), redis_at(reply, 2), redis_at(reply, 3));
	} else if (strcmp(what, "subscribe") == 0 || strcmp(what, "psubscribe") == 0) {
		c->unconfirmed -= c->unconfirmed > 0;
		tell_up(c->redis);
	} else if (redis_kind(reply) == REDIS_IS_ERROR) {
		conn_fail(c, redis_text(reply, NULL)); /* one that may not subscribe is of no use */
	}
}

/* --- receiving --- */

static void on_reply(struct conn *c, const struct redisReply *reply)
{
	if (!list_empty(&c->pending))
		answer_pending(c, reply);
	else if (c->subscriber)
		on_message(c, reply);
	else
		conn_fail(c, "a reply that nobody asked for");
}

/* False: the connection is gone. */
static bool read_replies(struct conn *c)
{
	redisReader *reader = c->reader;
	void *reply;

	for (;;) {
		if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
			conn_fail(c, reader->errstr);
			return false;
		}
		if (!reply)
			break;
		on_reply(c, reply);
		freeReplyObject(reply);
		if (c->reader != reader)
			return false;
	}
	if (reader->len - reader->pos <= LIMIT_REDIS_REPLY_BYTES)
		return true;
	conn_fail(c, "a reply that is too large");
	return false;
}

static void receive(struct conn *c)
{
	char part[16 * 1024];

	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = recv(c->watch.fd, part, sizeof part, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			conn_fail(c, n ? strerror(errno) : "the connection was closed");
			return;
		}
		if (redisReaderFeed(c->reader, part, (size_t)n) != REDIS_OK) {
			conn_fail(c, c->reader->errstr);
			return;
		}
		if (!read_replies(c) || n < (ssize_t)sizeof part)
			return;
	}
}

/* --- coming up --- */

static void on_greeted(void *arg, const struct redisReply *reply)
{
	struct conn *c = arg;

	if (!reply)
		return;
	if (redis_kind(reply) == REDIS_IS_ERROR) {
		conn_fail(c, redis_text(reply, NULL));
		return;
	}
	if (c->npending) /* AUTH or SELECT: PING is last */
		return;
	loop_timer_clear(c->redis->loop, &c->timer);
	c->stage = READY;
	c->failures = 0;
	if (c->subscriber)
		subscribe_all(c);
	tell_up(c->redis);
}

static void greet(struct conn *c)
{
	const struct redis_url *u = &c->redis->url;
	struct redis_word auth[] = {redis_word("AUTH"), redis_word(u->user ? u->user : ""), redis_word(u->password ? u->password : "")};
	struct redis_word ping = redis_word("PING");
	char db[16];

	c->stage = GREETING;
	c->reader = redisReaderCreate();
	if (!u->user) /* AUTH of before Redis 6 */
		auth[1] = auth[2];
	if (u->password)
		command(c, on_greeted, c, auth, u->user ? 3 : 2);
	snprintf(db, sizeof db, "%u", u->db);
	if (u->db)
		command(c, on_greeted, c, (struct redis_word[]){redis_word("SELECT"), redis_word(db)}, 2);
	command(c, on_greeted, c, &ping, 1); /* it tells a Redis that wants a password, or still loads */
}

static void on_socket(struct loop_watch *w, uint32_t events)
{
	struct conn *c = list_item(w, struct conn, watch);
	socklen_t len = sizeof(int);
	int err = 0;

	if (c->stage == CONNECTING) {
		getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err)
			conn_fail(c, strerror(err));
		else
			greet(c);
		return;
	}
	if (events & EPOLLOUT)
		flush(c);
	if (c->stage >= GREETING && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(c);
}

/* A host that went away without a word is noticed, whether we send to it or only listen. */
static void keep_alive(int fd)
{
	int on = 1, dead_ms = DEAD_PEER_MS, idle_s = DEAD_PEER_MS / 1000, each_s = 5, tries = 3;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each_s, sizeof each_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static void conn_connect(struct conn *c, const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd < 0) {
		conn_fail(c, strerror(errno));
		return;
	}
	if (sa->sa_family != AF_UNIX)
		keep_alive(fd);
	err = connect(fd, sa, len) < 0 && errno != EINPROGRESS ? errno : 0;
	if (!err)
		err = -loop_watch(c->redis->loop, &c->watch, fd, EPOLLOUT, on_socket);
	if (err) {
		close(fd);
		conn_fail(c, strerror(err));
		return;
	}
	c->stage = CONNECTING;
}

/* --- names --- */

static void lookup_unref(struct lookup *l)
{
	if (atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	close(l->done_fd);
	free(l->host);
	free(l);
}

static int resolve(struct lookup *l, int flags)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV}, *found, *at;
	unsigned n = 0;
	char port[8];
	int err;

	snprintf(port, sizeof port, "%u", l->port);
	err = getaddrinfo(l->host, port, &hints, &found);
	if (err)
		return err;
	for (struct addrinfo *a = found; a; a = a->ai_next)
		n++;
	at = found;
	for (unsigned i = l->attempt % n; i; i--)
		at = at->ai_next;
	memcpy(&l->at, at->ai_addr, at->ai_addrlen);
	l->len = at->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static void *resolve_aside(void *arg)
{
	struct lookup *l = arg;

	l->err = resolve(l, AI_ADDRCONFIG);
	atomic_store(&l->done, true);
	eventfd_write(l->done_fd, 1);
	lookup_unref(l);
	return NULL;
}

static void let_go_lookup(struct conn *c)
{
	loop_unwatch(c->redis->loop, &c->watch);
	lookup_unref(c->lookup);
	c->lookup = NULL;
}

static void on_looked_up(struct loop_watch *w, uint32_t events)
{
	struct conn *c = list_item(w, struct conn, watch);
	struct sockaddr_storage at;
	socklen_t len;
	int err;

	(void)events;
	if (!atomic_load(&c->lookup->done))
		return;
	at = c->lookup->at;
	len = c->lookup->len;
	err = c->lookup->err;
	let_go_lookup(c);
	if (err)
		conn_fail(c, gai_strerror(err));
	else
		conn_connect(c, (struct sockaddr *)&at, len);
}

/* Nobody waits for the thread; signals are blocked in it as in its parent (loop_signals()). */
static int start_aside(struct lookup *l)
{
	pthread_attr_t how;
	pthread_t thread;
	int err;

	pthread_attr_init(&how);
	pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(&l->refs, 1);
	err = pthread_create(&thread, &how, resolve_aside, l);
	if (err)
		atomic_fetch_sub(&l->refs, 1);
	pthread_attr_destroy(&how);
	return err;
}

static void look_up(struct conn *c)
{
	struct lookup *l = xzalloc(sizeof *l);
	int err = 0;

	l->host = xstrdup(c->redis->url.host);
	l->port = c->redis->url.port;
	l->attempt = c->failures;
	l->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	atomic_init(&l->refs, 1);
	c->lookup = l;
	c->stage = LOOKING_UP;
	if (resolve(l, AI_NUMERICHOST) == 0) { /* no look-up at all */
		atomic_store(&l->done, true);
		eventfd_write(l->done_fd, 1);
	} else {
		err = start_aside(l);
	}
	if (!err)
		err = -loop_watch(c->redis->loop, &c->watch, l->done_fd, EPOLLIN, on_looked_up);
	if (err)
		conn_fail(c, strerror(err));
}

/* --- the life of a connection --- */

static void on_conn_timer(struct loop_timer *t)
{
	struct conn *c = list_item(t, struct conn, timer);

	if (c->stage == AWAY)
		conn_start(c);
	else
		conn_fail(c, "it does not answer");
}

static void conn_start(struct conn *c)
{
	const struct redis_url *u = &c->redis->url;
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	loop_timer_set(c->redis->loop, &c->timer, CONNECT_MS, on_conn_timer);
	if (u->host) {
		look_up(c);
		return;
	}
	memcpy(at.sun_path, u->path, strlen(u->path) + 1);
	c->stage = CONNECTING;
	conn_connect(c, (struct sockaddr *)&at, sizeof at);
}

static void free_reader(void *reader)
{
	redisReaderFree(reader);
}

/* Back to nothing; whoever waits for a reply is told that there is none. */
static void conn_drop(struct conn *c)
{
	int fd = c->stage >= CONNECTING ? c->watch.fd : -1;

	if (c->lookup)
		let_go_lookup(c);
	loop_timer_clear(c->redis->loop, &c->timer);
	loop_unwatch(c->redis->loop, &c->watch);
	if (fd >= 0)
		close(fd);
	c->stage = AWAY;
	c->unconfirmed = c->sent = 0;
	buf_reset(&c->out);
	if (c->reader) /* up the stack someone may be reading from it */
		loop_defer(c->redis->loop, free_reader, c->reader);
	c->reader = NULL;
	while (!list_empty(&c->pending))
		answer_pending(c, NULL);
}

static int64_t next_wait_ms(unsigned failures)
{
	int64_t wait = failures < 6 ? FIRST_WAIT_MS << failures : LONGEST_WAIT_MS;
	unsigned char r;

	/* A fleet that lost its Redis does not come back in the same moment. */
	random_bytes(&r, 1);
	return wait < LONGEST_WAIT_MS ? wait + wait * r / 1024 : LONGEST_WAIT_MS - LONGEST_WAIT_MS * r / 1024;
}

static void conn_fail(struct conn *c, const char *why)
{
	struct redis *r = c->redis;

	if (r->freed || c->stage == AWAY)
		return;
	tell_down(r, why); /* first: why may be part of what is dropped */
	conn_drop(c);
	if (r->freed) /* by someone who was told */
		return;
	loop_timer_set(r->loop, &c->timer, next_wait_ms(c->failures++), on_conn_timer);
}

static void conn_init(struct conn *c, struct redis *r, bool subscriber)
{
	*c = (struct conn){.redis = r, .subscriber = subscriber, .watch.fd = -1};
	list_init(&c->pending);
	buf_init(&c->out, LIMIT_REDIS_WAITING_BYTES * 2);
	loop_timer_set(r->loop, &c->timer, 1, on_conn_timer);
}

int redis_open(struct redis **out, struct loop *l, const struct redis_options *o, const char **why)
{
	struct redis_url url;
	struct redis *r;
	struct buf shown;

	if (!redis_url_parse(o->url, &url, why))
		return -EINVAL;
	r = xzalloc(sizeof *r);
	r->loop = l;
	r->url = url;
	r->o = *o;
	r->o.url = NULL;
	map_init(&r->subscriptions);
	buf_init(&shown, 4096);
	redis_url_show(&r->url, &shown);
	r->shown = buf_take(&shown, NULL);
	conn_init(&r->commands, r, false);
	conn_init(&r->messages, r, true);
	*out = r;
	return 0;
}

static void free_later(void *arg)
{
	struct redis *r = arg;

	buf_release(&r->commands.out);
	buf_release(&r->messages.out);
	free(r->shown);
	free(r);
}

void redis_free(struct redis *r)
{
	struct map_iter it;

	if (!r)
		return;
	r->freed = true;
	if (r->commands.stage == READY) /* what was said in this turn still goes out, as far as the kernel takes it */
		flush(&r->commands);
	conn_drop(&r->commands);
	conn_drop(&r->messages);
	it = map_begin(&r->subscriptions);
	for (struct map_entry *e; (e = map_next(&it));)
		free(e->value);
	map_release(&r->subscriptions);
	redis_url_release(&r->url);
	loop_defer(r->loop, free_later, r); /* behind what it deferred itself */
}
