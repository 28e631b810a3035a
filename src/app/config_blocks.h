/* config_blocks.h: sections that may stand in a file under any number of titles: alert, webhook, exec, email.
 *
 * A block is kept as it was written, and read into a rule or a channel when all files are in. Inner header of config_*.c. */
#ifndef APP_CONFIG_BLOCKS_H
#define APP_CONFIG_BLOCKS_H

#include "app/config_load.h"

struct config_entry {
	const struct block_key *key;
	char **items;
	size_t nitems;
	unsigned line;
};
struct config_block {
	const struct section *section;
	char *title, *file;
	unsigned source, line;         /* line 0: built in */
	struct config_entry *entries;
	size_t nentries;
};

/* A key of such a section; set reads its items into a draft, and says in words what is wrong with them, or nothing. */
struct draft;
struct block_key {
	const char *section, *name;
	bool list;
	enum { PRINT, PRINT_HOST, PRINT_NOTHING } print; /* --dump-config is shown to others: what may hold a secret is cut */
	void (*set)(struct draft *d, const struct config_entry *e, struct buf *why);
	const char *help;
};
extern const struct block_key block_keys[];
extern const size_t block_keys_len;

/* Where a block, or a line of it, is written. */
struct place block_place(const struct config_block *b, unsigned line);
/* l NULL: it was read before, and is right. False: it is switched off, or says nothing that could be kept. */
bool block_rule_take(struct load *l, const struct config_block *b, struct rule *out);
void block_channel_take(struct load *l, const struct config_block *b, struct channel *out, struct buf *warnings);

/* Whether there can be such series, and such values of them (config_series.c). Appends in words what is wrong, or nothing. */
void series_check(const char *metric, struct buf *why);
void series_check_limits(const struct rule *r, struct buf *why);

void block_opens(struct load *l, const struct place *p, const struct section *s, const char *title);
void block_put(struct load *l, const struct place *p, const struct section *s, const char *title, const char *key, const char *text,
               bool first);
void blocks_settle(struct load *l, struct buf *warnings); /* built-in rules, then all into c->rules and c->channels */
void blocks_free(struct config *c);
void blocks_print(const struct config *c, struct buf *out);

#endif
