/* answers.h: the answers to requests, the same whichever way they came: Socket.IO event or HTTP.
 *
 * Each reads its parameters, and on success appends the members of the answer, `"a":1,"b":2`, without
 * braces and status; on failure p says why. Loop thread; nothing here blocks. */
#ifndef APP_ANSWERS_H
#define APP_ANSWERS_H

#include "app/app.h"
#include "app/params.h"

typedef void answer_fn(struct app *app, struct params *p, struct buf *out);

/* match over HTTP, pattern as an event: one or a list; gone: those that went away too, marked `gone`. With top only that many
 * instances (base names of series behind the slash) are given, those with the most between from and to (the last minute), each
 * series with its `mean`, beside how many `instances` there are (app/busiest.h). */
answer_fn answer_series;
/* series, from, to, points, aggregate, shape, gone. A pattern matches what went away too, if it has points in the range and gone
 * is not false, as far as the limits leave room: those that went last, marked `gone`; `left_out` counts the rest. */
answer_fn answer_history;
answer_fn answer_processes; /* sort, order, limit, offset, filter, columns; `hidden` where the kernel hides those of others */
answer_fn answer_status;
answer_fn answer_events;

/* `cpu` is `cpu.usage`, …; what is no alias is returned as it is. */
const char *series_resolve(const char *name);

/* {id, unit, kind, help, interval, collector} without braces */
void series_info_json(const struct store_entry *e, struct buf *out);

#endif
