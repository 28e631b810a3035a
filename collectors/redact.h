/* redact.h: command lines without the secrets in their arguments.
 *
 * Everybody on a host may read its command lines, and people put passwords in
 * them all the same; a monitor must not carry them further. What looks like a
 * secret becomes "***"; when in doubt, it does. Pure, any thread. */
#ifndef COLLECTORS_REDACT_H
#define COLLECTORS_REDACT_H

#include <stddef.h>

/* args: as /proc/PID/cmdline has them, each ended by NUL. Written to out with
 * blanks between them, as valid UTF-8 without control characters, cut to size;
 * returns the length. Text that was cut must end where a word ended: half of a
 * URL may not look like one. */
size_t redact_command(const char *args, size_t len, char *out, size_t size);

#endif
