/* log.c - flux_log is variadic, which Rust can call but not define */

#include <stdarg.h>
#include <stdio.h>

void standin_log (void *h, int level, const char *text);

int flux_log (void *h, int level, const char *fmt, ...)
{
    char text[1024]; // longer lines are cut, as Flux does
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    standin_log (h, level, text);
    return 0;
}

/*
 * vi:tabstop=4 shiftwidth=4 expandtab
 */
