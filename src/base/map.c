/* map.c: byte strings to pointers: a dense array of entries and an index of
 * slots into it, as in CPython's dict. SipHash: Aumasson and Bernstein, 2012. */
#include "base/map.h"

#include "base/random.h"
#include "base/xmalloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FREE = 0, GONE = 1, FIRST = 2 }; /* values of a slot; an entry e is FIRST + e */

static uint64_t secret[2];

static void draw_secret(void)
{
	random_bytes(secret, sizeof secret);
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[1] = ROTL(v[1], 13), v[1] ^= v[0], v[0] = ROTL(v[0], 32);
	v[2] += v[3], v[3] = ROTL(v[3], 16), v[3] ^= v[2];
	v[0] += v[3], v[3] = ROTL(v[3], 21), v[3] ^= v[0];
	v[2] += v[1], v[1] = ROTL(v[1], 17), v[1] ^= v[2], v[2] = ROTL(v[2], 32);
}

uint64_t map_hash(const void *p, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const unsigned char *in = p;
	uint64_t v[4], last = (uint64_t)len << 56, m;

	pthread_once(&once, draw_secret);
	v[0] = secret[0] ^ 0x736f6d6570736575ULL;
	v[1] = secret[1] ^ 0x646f72616e646f6dULL;
	v[2] = secret[0] ^ 0x6c7967656e657261ULL;
	v[3] = secret[1] ^ 0x7465646279746573ULL;
	for (; len >= 8; in += 8, len -= 8) {
		memcpy(&m, in, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)in[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m)
{
	*m = (struct map){0};
}

void map_release(struct map *m)
{
	for (uint32_t i = 0; i < m->used; i++)
		free(m->entries[i].key);
	free(m->entries);
	free(m->index);
	map_init(m);
}

/* The slot that holds key, or NULL. */
static uint32_t *find(const struct map *m, const char *key, size_t len, uint32_t hash)
{
	if (!m->index_cap)
		return NULL;
	for (uint32_t at = hash & (m->index_cap - 1);; at = (at + 1) & (m->index_cap - 1)) {
		uint32_t slot = m->index[at];
		const struct map_entry *e;

		if (slot == FREE)
			return NULL;
		if (slot == GONE)
			continue;
		e = &m->entries[slot - FIRST];
		if (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0)
			return &m->index[at];
	}
}

static void place(struct map *m, uint32_t entry)
{
	uint32_t at = m->entries[entry].hash & (m->index_cap - 1);

	while (m->index[at] >= FIRST)
		at = (at + 1) & (m->index_cap - 1);
	m->index[at] = FIRST + entry;
}

static void squeeze(struct map *m)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < m->used; i++)
		if (m->entries[i].key)
			m->entries[to++] = m->entries[i];
	m->used = to;
}

/* Makes room for one more entry, and a new index where holes or growth ask for it. */
static void make_room(struct map *m)
{
	if (m->used < m->cap)
		return;
	if (!m->iterating)
		squeeze(m);
	if (m->used > m->cap / 2 || !m->cap) {
		m->cap = m->cap ? m->cap * 2 : 4;
		m->entries = xreallocarray(m->entries, m->cap, sizeof *m->entries);
	}
	m->index_cap = m->cap * 2;
	free(m->index);
	m->index = xcalloc(m->index_cap, sizeof *m->index);
	for (uint32_t i = 0; i < m->used; i++)
		if (m->entries[i].key)
			place(m, i);
}

void *map_get(const struct map *m, const char *key, size_t len)
{
	uint32_t *slot = find(m, key, len, (uint32_t)map_hash(key, len));

	return slot ? m->entries[*slot - FIRST].value : NULL;
}

void *map_set(struct map *m, const char *key, size_t len, void *value)
{
	uint32_t hash = (uint32_t)map_hash(key, len);
	uint32_t *slot = find(m, key, len, hash);

	if (slot) {
		struct map_entry *e = &m->entries[*slot - FIRST];
		void *former = e->value;

		e->value = value;
		return former;
	}
	make_room(m);
	m->entries[m->used] = (struct map_entry){xstrndup(key, len), (uint32_t)len, hash, value};
	place(m, m->used++);
	m->live++;
	return NULL;
}

void *map_del(struct map *m, const char *key, size_t len)
{
	uint32_t *slot = find(m, key, len, (uint32_t)map_hash(key, len));
	struct map_entry *e;
	void *former;

	if (!slot)
		return NULL;
	e = &m->entries[*slot - FIRST];
	former = e->value;
	*slot = GONE;
	free(e->key);
	e->key = NULL;
	e->value = NULL;
	if (--m->live == 0 && !m->iterating)
		map_release(m);
	return former;
}

struct map_iter map_begin(struct map *m)
{
	m->iterating++;
	return (struct map_iter){m, 0};
}

struct map_entry *map_next(struct map_iter *it)
{
	while (it->at < it->map->used) {
		struct map_entry *e = &it->map->entries[it->at++];

		if (e->key)
			return e;
	}
	map_end(it);
	return NULL;
}

void map_end(struct map_iter *it)
{
	assert(it->map->iterating);
	it->map->iterating--;
	it->at = UINT32_MAX;
}
