/* outbox.h: how a message gets into the outbox, in the transaction of the change that it tells, and what its channel learns. */
#ifndef DB_OUTBOX_H
#define DB_OUTBOX_H

#include "db/db.h"
#include "db/sql.h"

/* alert NULL: of none. One that is there already stays as it is. */
int outbox_put(struct sql *s, const struct db_message *m, const char *alert, int64_t now_ms);
/* What came of an attempt: of this message's channel, or with channel of that one. error NULL: it was delivered. */
int channel_tried(struct sql *s, int64_t message, const char *channel, const char *error, int64_t now_ms);

#endif
