/* feed.h: from fresh samples to each client's own pushes.
 *
 * The store wakes the loop; what is fresh is drained once and handed to those series that somebody wants.
 * Each client has two ways to be told: `custom metrics`, by subscription, at the client's rate (API.md); and the
 * dashboard's compact `frame`, a list of values in the order of its watch list. A client that is
 * too slow misses pushes, and is told how many; the others notice nothing. Loop thread. */
#ifndef APP_FEED_H
#define APP_FEED_H

#include "app/app.h"
#include "app/params.h"

enum aggregate { AGGREGATE_LAST, AGGREGATE_AVG, AGGREGATE_MIN, AGGREGATE_MAX };

struct feed *feed_new(struct app *app, int wake_fd); /* the store's; borrowed */
void feed_free(struct feed *f);
void feed_reload(struct feed *f); /* push_interval may have changed */

struct subscriber;
struct subscriber *subscriber_new(struct feed *f, struct sio_socket *s); /* a client came */
void subscriber_free(struct subscriber *c);                            /* it left */

/* Subscriptions. matched: appends `"id",…`, each once. add: false if they were too many then; nothing is changed. */
bool subscriber_add(struct subscriber *c, const struct texts *patterns, struct buf *matched);
void subscriber_drop(struct subscriber *c, const struct texts *patterns); /* those that it has */
void subscriber_set_rate(struct subscriber *c, uint32_t rate_ms, enum aggregate how); /* pushes from now on */

/* The dashboard's watch list: replaces the former; none ends it. Appends `"gen":…,"rate":…,"series":[…]`; false
 * if more than LIMIT_WATCHED_SERIES match. */
bool subscriber_watch(struct subscriber *c, char *const *patterns, size_t n, uint32_t rate_ms, struct buf *answer);

#endif
