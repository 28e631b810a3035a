/* prom.h: writing Prometheus' text format.
 *
 * Exposition formats, version 0.0.4. A family is opened once, then its samples
 * follow; the names, types and help texts are node_exporter's, so that boards
 * and rules written for it work. Pure, any thread. */
#ifndef COLLECTORS_PROM_H
#define COLLECTORS_PROM_H

#include "base/buf.h"

#define PROM_GAUGE "gauge"
#define PROM_COUNTER "counter"
#define PROM_UNTYPED "untyped"

void prom_family(struct buf *b, const char *name, const char *type, const char *help);
/* Pairs of label and value, then NULL. Values are escaped, and made valid UTF-8. */
void prom_sample(struct buf *b, const char *name, double value, ...) __attribute__((sentinel));
/* One label, for samples whose labels come from a table; before is '{' or ','. */
void prom_label(struct buf *b, char before, const char *label, const char *value);
/* A family of one sample without labels. */
void prom_single(struct buf *b, const char *name, const char *type, const char *help, double value);

#endif
