/* schema.h: the steps of schema/NNN_*.sql, in the order of their numbers. The table is made by contrib/embed-schema. */
#ifndef DB_SCHEMA_H
#define DB_SCHEMA_H

#include <stddef.h>

struct schema_step {
	int version;           /* NNN: what user_version is after it; rises from row to row, holes are allowed */
	const char *name;      /* of the file */
	const char *text;      /* SQL */
};

extern const struct schema_step schema_steps[];
extern const size_t schema_len;

#endif
