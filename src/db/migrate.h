/* migrate.h: from whatever version a database is of to the one that this program knows. */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include "db/sql.h"

/* 0, or -errno with a sentence (without the path) in why: -ENOTSUP for a database of a later version, -EBADMSG for what is damaged or no
 * database. Neither is changed then. Several processes may do so at once. */
int migrate(struct sql *s, char *why, size_t size);

/* Reads it all, for at most so long: false, and what is wrong in why, when it is damaged. */
bool migrate_check(struct sql *s, int most_ms, char *why, size_t size);

/* The sentence for err, of which SQLite said that. */
void migrate_refuse(int err, const char *said, char *why, size_t size);

#endif
