/* redis.h: one Redis on the loop: commands, and messages of channels.
 *
 * Two connections, because one that subscribes takes no other commands (Redis
 * manual, Pub/Sub): both come back by themselves, after waits that grow to five
 * seconds, with the same subscriptions as before. Nothing here waits: a name is
 * looked up on a thread of its own, everything else is non-blocking. Of hiredis only
 * the reader of replies is used: its asynchronous half (0.14) resolves names in place,
 * has no ceiling on what waits, and asserts on replies that it did not expect.
 *
 * What is sent while there is no connection is refused, not kept: a message that is
 * delivered minutes late is worse than one that is not. The log is told once when
 * Redis is lost and once when it is back. All of it on the loop's thread. */
#ifndef LOOP_REDIS_H
#define LOOP_REDIS_H

#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct redis;

struct redis_options {
	const char *url;               /* redis_url.h; copied */
	/* Both connections are there and every subscription is in place; or no longer so. May be NULL. Never called
	 * before redis_open() has returned, nor by redis_free(). */
	void (*on_state)(void *user, bool up);
	void *user;
};

/* 0, or -EINVAL with *why: what is wrong with the URL, a text that stays. Connects later, and goes on trying. */
int  redis_open(struct redis **out, struct loop *l, const struct redis_options *o, const char **why);
/* Commands that wait are answered with NULL before it returns, though they went out as far as that needs no waiting;
 * subscriptions end without a word. NULL does nothing. */
void redis_free(struct redis *r);
bool redis_is_up(const struct redis *r);
bool redis_takes(const struct redis *r); /* commands, now; messages may yet be missing */

/* --- replies: hiredis's own, read with these. Borrowed for the call. --- */

struct redisReply;
enum redis_kind { REDIS_IS_NIL, REDIS_IS_TEXT, REDIS_IS_NUMBER, REDIS_IS_LIST, REDIS_IS_ERROR };
enum redis_kind redis_kind(const struct redisReply *reply);
const char *redis_text(const struct redisReply *reply, size_t *n); /* of a text or an error, NUL behind it; "" of others; n may be NULL */
long long redis_number(const struct redisReply *reply);            /* 0 of others */
size_t redis_count(const struct redisReply *reply);                /* of a list; 0 of others */
const struct redisReply *redis_at(const struct redisReply *list, size_t i);

/* --- commands --- */

/* One piece of a command; n bytes, which may be anything. */
struct redis_word {
	const void *p;
	size_t n;
};
struct redis_word redis_word(const char *text);

/* Called once, in the order of the commands; reply NULL: the connection was lost, and nobody knows what became of it. */
typedef void redis_reply_fn(void *user, const struct redisReply *reply);
/* 0; -ENOTCONN: there is no connection now; -ENOBUFS: too much waits already (base/limits.h). Then fn is not called.
 * fn may be NULL. */
int redis_command(struct redis *r, redis_reply_fn *fn, void *user, const struct redis_word *words, size_t n);

/* --- subscriptions --- */

/* channel is where it was published, data what. Either may be anything; a NUL is behind both. */
typedef void redis_message_fn(void *user, const char *channel, size_t nchannel, const char *data, size_t n);
/* Lasts until it is taken back, over losses of the connection. The same name again replaces fn and user. A pattern is
 * that of PSUBSCRIBE. Once redis_unsubscribe() has returned, fn is not called any more. */
void redis_subscribe(struct redis *r, const char *name, bool pattern, redis_message_fn *fn, void *user);
void redis_unsubscribe(struct redis *r, const char *name, bool pattern);

#endif
