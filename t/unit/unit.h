
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


/*
 * A unit test includes the leaf it tests, "../../src/ngx_messaging_x.c", then
 * this file; it prints TAP, calls unit_ok() and friends, and returns
 * unit_done() from main().  The few functions of nginx that a leaf may call
 * are here; everything else it uses are macros and types of nginx's headers.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static int  unit_tests;
static int  unit_failures;


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return calloc(1, size);
}


static int __attribute__((format(printf, 2, 3), unused))
unit_ok(int passed, const char *fmt, ...)
{
    va_list  args;

    if (!passed) {
        unit_failures++;
    }

    printf("%sok %d - ", passed ? "" : "not ", ++unit_tests);

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    printf("\n");
    fflush(stdout);

    return passed;
}


static int __attribute__((unused))
unit_int(long long got, long long want, const char *name)
{
    if (unit_ok(got == want, "%s", name)) {
        return 1;
    }

    printf("# got %lld, want %lld\n", got, want);

    return 0;
}


static int __attribute__((unused))
unit_str(const void *got, size_t len, const char *want, const char *name)
{
    if (unit_ok(len == strlen(want) && memcmp(got, want, len) == 0, "%s",
                name))
    {
        return 1;
    }

    printf("# got \"%.*s\", want \"%s\"\n", (int) len, (const char *) got,
           want);

    return 0;
}


static int __attribute__((unused))
unit_done(void)
{
    printf("1..%d\n", unit_tests);

    return unit_failures != 0;
}


#endif /* _UNIT_H_INCLUDED_ */
