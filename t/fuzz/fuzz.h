
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


/*
 * A fuzz target includes the leaf, this file, and defines fuzz_one(), which
 * aborts where a promise of the leaf is broken.  Compiled with FUZZ_CORPUS,
 * the name of a directory, it is a program that replays the files in it and
 * prints TAP; else it is a target for libFuzzer.
 */


#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void fuzz_one(u_char *data, size_t len);


#define fuzz_assert(x)                                                        \
    if (!(x)) {                                                               \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);               \
        abort();                                                              \
    }


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


/* an allocation of its own size, so that reading past the end is seen */

static u_char *
fuzz_copy(const u_char *data, size_t len)
{
    u_char  *p;

    p = malloc(len ? len : 1);

    if (p == NULL) {
        abort();
    }

    memcpy(p, data, len);

    return p;
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    u_char  *p;

    p = fuzz_copy(data, len);
    fuzz_one(p, len);
    free(p);

    return 0;
}


#ifdef FUZZ_CORPUS


int
main(void)
{
    int             n;
    DIR            *dir;
    FILE           *f;
    size_t          len;
    struct dirent  *entry;
    static char     name[4096];
    static u_char   data[1 << 20];

    n = 0;
    dir = opendir(FUZZ_CORPUS);

    if (dir == NULL) {
        return 1;
    }

    while ((entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.') {
            continue;
        }

        snprintf(name, sizeof(name), "%s/%s", FUZZ_CORPUS, entry->d_name);

        f = fopen(name, "rb");

        if (f == NULL) {
            return 1;
        }

        len = fread(data, 1, sizeof(data), f);
        fclose(f);

        LLVMFuzzerTestOneInput(data, len);

        printf("ok %d - %s\n", ++n, entry->d_name);
        fflush(stdout);
    }

    closedir(dir);
    printf("1..%d\n", n);

    return n == 0;
}


#endif /* FUZZ_CORPUS */


#endif /* _FUZZ_H_INCLUDED_ */
