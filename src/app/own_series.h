/* own_series.h: series of Vedette itself that only the talking half can tell. Loop thread. */
#ifndef APP_OWN_SERIES_H
#define APP_OWN_SERIES_H

#include "store/store.h"

/* The series of this family of the collector self, told once a second: finds or adds. instance NULL: it has none. */
store_ref own_series(struct store *st, const char *family, const char *instance);

#endif
