/* notify.h: from the outbox to the receivers: at least once, in order for each alert, a channel never in the way of another.
 *
 * The outbox is somebody else's (app/alerting.c → db): it is asked for what is due, and told what became of it. An attempt
 * that fails is tried again after 5 s, 10 s, 20 s … up to the channel's max_wait (at most a day), a fifth more or less at random. As soon
 * as the receiver takes one again, be it a test, what was put off is due at once. Where it said when to come again (429 or 503 with
 * Retry-After, up to a day) the channel is held until then; other answers with Retry-After put that message off alone. A test is sent
 * all the same. After max_age (or max_attempts), or where no attempt can help, the message is a dead letter. Loop thread. */
#ifndef ALERTS_NOTIFY_H
#define ALERTS_NOTIFY_H

#include "alerts/channel.h"

struct notify;

/* A message that waits. */
struct letter {
	int64_t id;
	const char *channel, *message_id, *body, *content_type;
	uint32_t attempts;             /* so far, and */
	int64_t since_ms;              /* since when it is in line */
};
typedef void letters_fn(void *user, const struct letter *at, size_t n);

struct outbox {
	void *user;
	/* Due messages of the channel, at most max, the oldest undelivered one of each alert; calls done once, at once or later. */
	void (*due)(void *user, const char *channel, uint32_t max, letters_fn *done, void *done_user);
	/* outcome: "delivered", "dead", "retry" (at next_ms), or "held": likewise, and nothing of that channel is due before, be it
	 * after the next start. Calls done once it is kept. */
	void (*result)(void *user, int64_t id, const char *outcome, int64_t next_ms, int status, const char *error,
	               void (*done)(void *user), void *done_user);
	/* All that was put off is due now, or when its channel is held no more. */
	void (*hurry)(void *user, const char *channel);
	/* The clock was set back by so much: what was put off is due so much earlier. */
	void (*set_back)(void *user, int64_t by_ms);
};

/* channels are borrowed until notify_reload() or notify_free(). */
struct notify *notify_new(struct loop *l, struct fetch *f, const struct outbox *outbox, const struct channel *channels, size_t n);
void notify_free(struct notify *n); /* then fetch_free(): attempts under way are given up, and kept for the next start */
void notify_reload(struct notify *n, const struct channel *channels, size_t count);
void notify_poke(struct notify *n);   /* something may be due */

/* Is this channel told of this change? One that heard of the alert before is, to the end, whatever the configuration says since. */
bool notify_wants(const struct channel *c, const struct alert_view *a);

/* One message outside the outbox, for `test`: url is that of the dashboard, done is told what became of it. false: no such channel. */
bool notify_test(struct notify *n, const char *channel, const char *host, const char *url, attempt_done_fn *done, void *user);

#endif
