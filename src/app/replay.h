/* replay.h: `--test-rules`: what the rules of the configuration would have told, judged on the history of the one that runs. */
#ifndef APP_REPLAY_H
#define APP_REPLAY_H

#include "app/ask.h"

/* from and to: "-6h", "now", "2026-11-23T04:00". Prints each change and a sum; an exit code: 64 for times that are wrong, 69 where nothing
 * is known. */
int replay_run(struct ask *ask, const char *from, const char *to);

#endif
