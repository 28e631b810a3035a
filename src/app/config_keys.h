/* config_keys.h: the table of everything that can be configured. Inner header of config_*.c.
 *
 * Adding a key is one row in config_keys.c and one field in struct config. A
 * section is one row there as well, and so is the name of a section that a
 * later version will have. */
#ifndef APP_CONFIG_KEYS_H
#define APP_CONFIG_KEYS_H

#include "app/config.h"

/* A sort of value: how text becomes a field and back. field points into a struct config. */
struct key;
struct kind {
	bool list;                          /* {"a", "b"}: set appends, and clear comes before the first */
	bool path;                          /* made absolute before it is set */
	bool quoted;                        /* printed in quotes */
	bool secret;                        /* a char *, and not all of it is printed */
	bool (*set)(const struct key *k, void *field, const char *text, struct buf *why);
	/* The value, or item i of a list; false when there is no such item. */
	bool (*print)(const struct key *k, const void *field, size_t i, struct buf *out);
	void (*clear)(void *field);         /* frees and empties; NULL where nothing is owned */
	void (*allowed)(const struct key *k, struct buf *out);
};

extern const struct kind kind_ms, kind_s;               /* durations in a uint32_t */
extern const struct kind kind_size, kind_count;         /* uint64_t bytes; uint32_t */
extern const struct kind kind_bool, kind_word;          /* bool; an enum, by its words */
extern const struct kind kind_path;                     /* char *, NULL when empty */
extern const struct kind kind_web_address;              /* char *, NULL when empty */
extern const struct kind kind_redis;                    /* char *, NULL when empty */
extern const struct kind kind_words;                    /* uint32_t of bits, by their words */
extern const struct kind kind_hosts, kind_origins;      /* struct config_strings */
extern const struct kind kind_addrs;                    /* struct config_addrs */

struct section;
struct key {
	const struct section *section;
	const char *name;
	const struct kind *kind;
	size_t offset;                      /* in what the section's home says */
	uint64_t min, max;                  /* of a number, of a list's length */
	const char *const *words;           /* NULL-terminated, in the order of their values */
	const char *fallback;               /* default, list items split by commas; NULL: see otherwise */
	const char *otherwise;              /* what holds without a value, for people */
	const char *flag;
	bool restart;                       /* a change takes effect at the next start */
	const char *help;
};

/* The top of the file is a section with the name "". Titles are fixed beforehand. */
struct section {
	const char *name, *help;
	bool titled;
	bool open;                          /* any title, any number: config_blocks.h; count is 0 */
	size_t (*count)(void);              /* instances: 1, or how many titles there are */
	const char *(*title)(size_t i);     /* NULL where it is not titled */
	void *(*home)(const struct config *c, size_t i);
};

/* What other versions have and this one does not. */
struct absent {
	const char *name, *what;
};

extern const struct key keys[];
extern const size_t keys_len;
extern const struct section *const sections[];
extern const size_t sections_len;
extern const struct absent absents[];
extern const size_t absents_len;

const struct section *section_find(const char *name);         /* NULL when there is none */
bool section_instance(const struct section *s, const char *title, size_t *i); /* by title */
size_t section_widest(void);                                  /* most instances that any section has */
const struct key *key_find(const struct section *s, const char *name);

void *key_field(const struct config *c, const struct key *k, size_t instance);
void key_name(const struct key *k, size_t instance, struct buf *out);  /* `collector "cpu" interval`, "socketio.recovery" */
void key_env(const struct key *k, const char *title, struct buf *out); /* "VEDETTE_COLLECTOR_CPU_INTERVAL" */
/* As a string of the file: paths and titles may hold what must be escaped. `$` is left alone: only `${` means something. */
void config_quote(struct buf *out, const char *text);
void key_print(const struct key *k, const void *field, struct buf *out); /* as one would write it in the file */
void key_fallback(const struct key *k, struct buf *out);      /* likewise its default; what holds otherwise when there is none */
/* Calls each for every item of a list that is written with commas, without the blanks around. */
void key_items(const char *text, void (*each)(void *user, const char *item), void *user);

/* --- where values came from --- */

struct config_note {
	char *origin;                       /* "vedette.conf:3", "--listen", "VEDETTE_LISTEN"; NULL: the default */
};
struct config_note *config_note(const struct config *c, const struct key *k, size_t instance);

#endif
