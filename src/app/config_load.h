/* config_load.h: one loading under way: who may report a mistake, who may set a value. Inner header of config_*.c. */
#ifndef APP_CONFIG_LOAD_H
#define APP_CONFIG_LOAD_H

#include "app/config_keys.h"

#define CONFIG_MAX_TEXT (64 << 10) /* of one message or value */

enum { CONFIG_MAX_FILES = 256, CONFIG_MAX_MISTAKES = 100 };

/* Where a value comes from. Mistakes are told in the order of sources: files as they are met, then these two. */
enum { SOURCE_ENV = CONFIG_MAX_FILES + 1, SOURCE_FLAG };
struct place {
	const char *name;          /* "vedette.conf", "VEDETTE_LISTEN", "--listen"; NULL: a default */
	unsigned source, line;     /* line 0: there are none */
};

struct mistake {
	unsigned source, line, seq;
	char *text;
};

struct file;
struct load {
	struct config *c;          /* what it will be when there are no mistakes */
	struct mistake *mistakes;
	size_t nmistakes;
	unsigned nfiles;           /* read so far */
	struct file *file;         /* being read; known to config.c alone */
};

/* One line, told once however often it is found. */
void load_mistake(struct load *l, const struct place *p, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* first: of a list, that replaces what was there. A list is emptied by "". */
void load_put(struct load *l, const struct place *p, const struct key *k, size_t instance, const char *text, bool first);

/* Reads path and what it includes: config.c. */
void load_file(struct load *l, const char *path);

#endif
