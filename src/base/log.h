/* log.h: one line a fact, to standard error, as `time level text`.
 *
 * Under systemd ($JOURNAL_STREAM set) lines start with the sd-daemon(3)
 * priority prefix and no time, because the journal has its own. Any thread;
 * a line is written with one write(2), so that lines never mix. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level most);   /* default info */

/* Lines go to fn instead, on the thread that logs: without time, level and newline, valid for the call. NULL: to standard
 * error again. Before other threads start. */
typedef void log_fn(void *user, enum log_level level, const char *line);
void log_to(log_fn *fn, void *user);

void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
