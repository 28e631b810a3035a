/* channels.h: the table of ways to tell people. */
#ifndef ALERTS_CHANNELS_H
#define ALERTS_CHANNELS_H

#include "alerts/channel.h"

#define CHANNELS(ROW) \
	ROW(webhook)  \
	ROW(exec)     \
	ROW(email)

#define ROW_DECLARE(name) extern const struct channel_kind channel_##name;
CHANNELS(ROW_DECLARE)
#undef ROW_DECLARE

extern const struct channel_kind *const channel_kinds[];
extern const size_t channel_kinds_len;
const struct channel_kind *channel_kind_find(const char *name);

#endif
