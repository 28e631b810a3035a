/* links.h: the files of an interface in /sys/class/net; sys is that folder. */
#ifndef COLLECTORS_LINKS_H
#define COLLECTORS_LINKS_H

#include <stdbool.h>
#include <stdint.h>

bool link_attribute(const char *sys, const char *nic, const char *file, int64_t *value); /* false: it has none */

/* 1: it has a link, 0: it has none or is switched off; NaN: unknown. From operstate, which waits for no lock; carrier does. */
double link_of(const char *sys, const char *nic);

#endif
