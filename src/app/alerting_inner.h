/* alerting_inner.h: what the files of alerting share. Loop thread. */
#ifndef APP_ALERTING_INNER_H
#define APP_ALERTING_INNER_H

#include "alerts/channels.h"
#include "alerts/notify.h"
#include "app/alerting.h"
#include "app/channel_health.h"
#include "db/db.h"

struct gone {
	char *channel;
	int64_t since_ms, until_ms;
	uint32_t waiting;
};

struct alerting {
	struct app *app;
	struct alerts *alerts;
	struct notify *notify;         /* NULL once it stops */
	struct channel_health *health;
	bool stopping;
	struct loop_timer tick, look;
	char *url;                     /* of the dashboard, for messages */
	struct gone *gone;             /* channels that messages wait for and the configuration does not hold */
	size_t ngone;
};

/* alert_questions.c: db's rows become the one member of an answer, and none (NULL) an error: an empty list would say that nothing was. question: for one call of question_on_rows. */
struct question *question(alerting_done_fn *done, void *user, const char *member /* static */);
void question_on_rows(void *user, const char *rows);

/* alert_silences.c */
void silences_open(struct alerting *al);         /* brings back those that were kept */
void silences_on_ended(void *user, const struct silence *s, int64_t now_ms);

/* alert_channels.c */
void channels_open(struct alerting *al);         /* begins to tell them, and looks for those that are gone */
void channels_reload(struct alerting *al);
void channels_close(struct alerting *al);
void channels_forget_gone(struct alerting *al);
void channels_on_kept(void *user);               /* messages are on disk */

#endif
