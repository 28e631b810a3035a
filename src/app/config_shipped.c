/* config_shipped.c: the rules that are right for most hosts, contrib/alerts.conf, inside the program: one binary that is copied to a host
 * has them. They are in force where there is no configuration file, and where one includes CONFIG_SHIPPED. */
#include "app/config.h"

__asm__(".section .rodata\n"
        "shipped_rules: .incbin \"contrib/alerts.conf\"\n"
        ".byte 0\n"
        ".previous");
extern const char shipped_rules[];

void config_print_rules(struct buf *out)
{
	buf_adds(out, shipped_rules);
}
