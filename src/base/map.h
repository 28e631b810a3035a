/* map.h: byte strings to pointers, in order of insertion.
 *
 * Keys are copied. The hash is SipHash-1-3 under a key drawn at start, because
 * peers choose keys. Iteration goes in the order of insertion; while it runs,
 * entries may be removed (also the present one) and added. One thread at a time. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
	char *key;            /* NUL-terminated too; NULL in a removed entry */
	uint32_t len, hash;
	void *value;
};
struct map {
	struct map_entry *entries; /* dense, in order; removed ones are holes */
	uint32_t *index;           /* open addressing into entries; a power of two */
	uint32_t used, live, cap, index_cap;
	uint32_t iterating;        /* holes are not squeezed out meanwhile */
};

void map_init(struct map *m);
void map_release(struct map *m); /* frees keys, not values */

void *map_get(const struct map *m, const char *key, size_t len);
void *map_set(struct map *m, const char *key, size_t len, void *value); /* the former value or NULL */
void *map_del(struct map *m, const char *key, size_t len);              /* the former value or NULL */
static inline size_t map_len(const struct map *m)
{
	return m->live;
}

struct map_iter {
	struct map *map;
	uint32_t at;
};
struct map_iter map_begin(struct map *m);
struct map_entry *map_next(struct map_iter *it); /* NULL at the end, which also ends the iteration */
void map_end(struct map_iter *it);               /* to leave early */

uint64_t map_hash(const void *p, size_t len); /* the keyed hash itself */

#endif
