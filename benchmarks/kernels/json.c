/* A JSON tokeniser: a document of 200 records is written once and read n times; a checksum over kinds, numbers and lengths. */
#include "kernel.h"

static char text[1 << 16];

static char *put(char *p, const char *s) {
    while (*s) *p++ = *s++;
    return p;
}

static char *put_number(char *p, u32 x) {
    char digits[10];
    u32 k = 0;
    do digits[k++] = '0' + x % 10;
    while (x /= 10);
    while (k) *p++ = digits[--k];
    return p;
}

static u32 write(void) {
    char *p = put(text, "[\n");
    random_state = 521288629;
    for (u32 i = 0; i < 200; i++) {
        u32 r = next_random();
        p = put(p, i ? ",\n  {\"id\": " : "  {\"id\": ");
        p = put_number(p, i);
        p = put(p, ", \"name\": \"item \\\"");
        p = put_number(p, r % 1000);
        p = put(p, "\\\" \\u00e9\", \"price\": ");
        p = put_number(p, r >> 16);
        p = put(p, ".");
        p = put_number(p, r % 100);
        p = put(p, r & 1 ? "e1, \"tags\": [\"red\", \"green\"], \"stock\": true}" : ", \"tags\": [], \"stock\": false, \"next\": null}");
    }
    p = put(p, "\n]\n");
    return p - text;
}

static int letter(char c, const char *word) {
    for (; *word; word++)
        if (*word == c) return 1;
    return 0;
}

static u32 read(const char *p, const char *end) {
    u32 sum = 0, depth = 0;
    while (p < end) {
        switch (*p) {
        case ' ': case '\n': case '\t': case '\r':
            p++;
            continue;
        case '{': case '[':
            depth++, sum = mix(sum, *p++ + depth);
            continue;
        case '}': case ']':
            sum = mix(sum, *p++ + depth), depth--;
            continue;
        case ',': case ':':
            sum = mix(sum, *p++);
            continue;
        case '"': {
            u32 length = 0;
            for (p++; *p != '"'; length++) {
                if (*p == '\\') {
                    p++;
                    if (*p == 'u') {
                        u32 code = 0;
                        for (u32 k = 0; k < 4; k++) {
                            char c = *++p;
                            code = code * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
                        }
                        sum = mix(sum, code);
                    }
                }
                p++;
            }
            p++;
            sum = mix(sum, length);
            continue;
        }
        case 't': case 'f': case 'n':
            sum = mix(sum, *p);
            while (letter(*p, "truefalsn")) p++;
            continue;
        default: {
            double value = 0, scale = 1;
            while (*p >= '0' && *p <= '9') value = value * 10 + (*p++ - '0');
            if (*p == '.')
                for (p++; *p >= '0' && *p <= '9'; scale *= 10) value = value * 10 + (*p++ - '0');
            if (*p == 'e')
                for (p++; *p >= '0' && *p <= '9'; p++)
                    for (char k = *p; k > '0'; k--) value *= 10;
            sum = mix(sum, (u32)(value / scale * 64));
        }
        }
    }
    return sum + depth;
}

EXPORT u32 run(u32 n) {
    u32 size = write(), sum = size;
    for (u32 i = 0; i < n; i++) sum = mix(sum, read(text, text + size));
    return sum;
}
