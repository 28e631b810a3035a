/* channel_health.h: do messages arrive? What the database knows of each channel, kept at hand for answers, for series
 * (self.channel_failing/NAME, self.outbox_waiting, self.outbox_dead) and for /metrics. Loop thread. */
#ifndef APP_CHANNEL_HEALTH_H
#define APP_CHANNEL_HEALTH_H

#include "app/app.h"

struct channel_health;

struct channel_health *channel_health_new(struct app *app);       /* needs app->db, app->store */
void channel_health_free(struct channel_health *h);               /* after db_close(), whose last answers still come here */
void channel_health_changed(struct channel_health *h);            /* the outbox is another, or a channel was tried: look again */
void channel_health_tick(struct channel_health *h, int64_t now_ms); /* every second */

/* The members of one channel, behind its name: "state":"failing",… */
void channel_health_json(const struct channel_health *h, const char *channel, struct buf *out);
void channel_health_expose(const struct channel_health *h, struct buf *out);
/* Is this series the health of that channel? Then the channel itself cannot tell of it. */
bool channel_health_is_of(const char *series, const char *channel);

#endif
