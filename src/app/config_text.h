/* config_text.h: makes a configuration file's text fit for libconfuse 3.3.
 *
 * That library counts a comment's line twice, stumbles over a comment within a
 * list, drops a bare `*` or `+` silently, keeps its scanner inside a string that is
 * never closed (and so misreads the next file), leaks the arguments of a
 * broken call, and cannot tell an empty list. All of that is seen to here,
 * before it sees the text. The grammar is libconfuse's own. Pure; any thread. */
#ifndef APP_CONFIG_TEXT_H
#define APP_CONFIG_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* A copy of text without comments, its lines where they were, `{}` after `=`
 * written as `{""}`. false when the text is broken beyond a key or a value:
 * *line and why (a sentence, appended) say where and what; out is then unspecified. */
bool config_text_clean(const char *text, size_t len, struct buf *out, unsigned *line, struct buf *why);

/* Overwrites the first statement on that line that begins with name (an
 * assignment, a call, a whole section) with blanks, so that reading can go on
 * behind it. false when there is none. text is clean. */
bool config_text_blank(char *text, unsigned line, const char *name);

#endif
