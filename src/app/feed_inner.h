/* feed_inner.h: what the files of the feed share. Loop thread.
 *
 * feed.c drains the store and pushes what everyone gets; wants.c knows which series somebody wants, and for whom;
 * subscriber.c is one client: what it asked for, and its own pushes. */
#ifndef APP_FEED_INNER_H
#define APP_FEED_INNER_H

#include "app/feed.h"
#include "base/list.h"
#include "base/map.h"

#define FEED_DIGITS 5

/* A series that somebody wants. Freed with its last want. */
struct live {
	store_ref ref;
	uint32_t interval_ms;
	int64_t t_ms;
	double value;
	struct link wants;
};

/* One line of a client's push: a series, and what came of it since the last one. */
struct want {
	struct link link;              /* of the live series */
	struct live *live;
	struct subscriber *client;
	char *name;                    /* as the client calls it; NULL in a watch list */
	bool watched;                  /* of the watch list, not of a subscription */
	uint32_t n;                    /* samples since the last push */
	double sum, min, max;
};

struct wants {
	struct want **at;
	size_t n, cap;
};

struct subscriber {
	struct feed *feed;
	struct sio_socket *socket;
	struct link link;
	/* custom metrics */
	struct texts patterns;
	struct wants subscribed;
	uint64_t generation;           /* of the store, that both lists were made for */
	uint32_t rate_ms;              /* 0: not asked for yet */
	enum aggregate how;
	uint64_t dropped;
	struct loop_timer timer;
	/* frames */
	struct texts watching;
	struct wants watched;
	uint32_t gen, frame_ms;
	bool fresh;
	int64_t frame_t_ms, frame_sent_ms; /* newest sample; monotonic time of the last frame */
	struct loop_timer frame_timer;
};

struct feed {
	struct app *app;
	struct loop_watch wake;
	struct link subscribers;
	struct map live;               /* by store_ref */
	struct store_list catalog;     /* who it lists is true while the store is of that generation; their values are not */
	uint64_t generation;
	struct loop_timer push, count, renew;
	uint64_t dropped;
};

/* wants.c */
const struct store_list *feed_catalog(struct feed *f); /* all series there are; good until the next call */
void want_add(struct subscriber *c, struct wants *list, const struct store_entry *e, const char *name);
void wants_clear(struct feed *f, struct wants *list);
bool wants_have(const struct wants *list, store_ref ref);
double present_value(double value, int64_t t_ms, uint32_t interval_ms, int64_t now_ms); /* NaN: silent for too long */

/* subscriber.c */
bool subscriber_is_slow(const struct sio_socket *s);
void subscriber_renew(struct subscriber *c, uint64_t generation); /* series came or went: the lists are made anew */
void subscriber_offer_frame(struct subscriber *c);                /* sent if the rate allows it now, else when it does */

#endif
