/* alerting.h: where alerts, the database, channels and clients meet. Loop thread. */
#ifndef APP_ALERTING_H
#define APP_ALERTING_H

#include "alerts/alerts.h"
#include "app/app.h"
#include "app/params.h"

struct alerting;

/* What the past is not told for; the log may say more. */
#define ALERTING_UNREAD "the database does not answer: ask again in a moment"

/* Needs app->db, app->store, app->io, app->fetch. What fired before the last end is the same alert after. */
struct alerting *alerting_new(struct app *app);
/* Nothing more is told to channels: before fetch_free() and db_close(), whose last answers still come here. */
void alerting_stop(struct alerting *al);
void alerting_free(struct alerting *al);                         /* after them */
void alerting_reload(struct alerting *al);                       /* rules and channels of app->config */
void alerting_sample(struct alerting *al, const struct store_fresh *s);
struct alerts *alerting_alerts(struct alerting *al);

/* What clients ask for. fail: a sentence, or NULL when it was done. done is called once, with the members of the answer. */
typedef void alerting_done_fn(void *user, const char *error, const char *members);
void alerting_list(struct alerting *al, struct params *p, alerting_done_fn *done, void *user);       /* state, rule, from, to, limit, changes */
const char *alerting_acknowledge(struct alerting *al, const char *id, const char *who, enum role role, const char *note);
/* {rule, matcher or alert, until, note}, or {id, until, …} to change one; members of the answer go to out. */
const char *alerting_silence(struct alerting *al, struct params *p, const char *who, enum role role, struct buf *out);
void alerting_silences_json(struct alerting *al, struct buf *out);
void alerting_deliveries(struct alerting *al, struct params *p, alerting_done_fn *done, void *user); /* channel, state, alert, before, limit */
void alerting_resend(struct alerting *al, int64_t id, const char *who, enum role role, alerting_done_fn *done, void *user);
/* All that the channel gave up, at most 1000 at once: "sent" and "left". */
void alerting_resend_dead(struct alerting *al, const char *channel, const char *who, enum role role, alerting_done_fn *done, void *user);
void alerting_test(struct alerting *al, const char *channel, const char *who, enum role role, alerting_done_fn *done, void *user);
void alerting_audit(struct alerting *al, struct params *p, alerting_done_fn *done, void *user);      /* limit */
void alerting_channels_json(struct alerting *al, struct buf *out); /* the list, and then "gone": */
void alerting_expose(struct alerting *al, struct buf *out);         /* families of /metrics */
/* Channels that messages wait for and the configuration does not hold: [{name, waiting, since, until}]. */
void alerting_gone_json(struct alerting *al, struct buf *out);

#endif
