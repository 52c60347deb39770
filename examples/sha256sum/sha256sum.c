/* SHA-256 of files or of standard input, printed as the usual command does.
 *
 *   wazero run examples/sha256sum/sha256sum.wasm --mount .:/ README.md
 *
 * The algorithm is FIPS 180-4, section 6.2. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* the first 32 bits of the fractional parts of the cube roots of the first 64 primes */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

struct hash {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(struct hash *h) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)h->block[4 * i] << 24 | h->block[4 * i + 1] << 16 | h->block[4 * i + 2] << 8 |
               h->block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(s, h->state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        uint32_t t = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) + choice + K[i] + w[i];
        uint32_t u = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) + majority;
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t;
        s[0] = t + u;
    }
    for (int i = 0; i < 8; i++)
        h->state[i] += s[i];
}

static void start(struct hash *h) {
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, initial, sizeof initial);
    h->length = 0;
}

static void update(struct hash *h, const uint8_t *data, size_t n) {
    while (n > 0) {
        size_t at = h->length % 64, part = 64 - at < n ? 64 - at : n;
        memcpy(h->block + at, data, part);
        h->length += part, data += part, n -= part;
        if (h->length % 64 == 0)
            compress(h);
    }
}

static void finish(struct hash *h) {
    uint64_t bits = h->length * 8;
    uint8_t end[8];
    for (int i = 0; i < 8; i++)
        end[i] = (uint8_t)(bits >> (56 - 8 * i));
    update(h, (const uint8_t *)"\x80", 1);
    while (h->length % 64 != 56)
        update(h, (const uint8_t *)"", 1);
    update(h, end, 8);
}

/* prints one line; returns 0, or 1 if the file cannot be read */
static int sum(const char *name) {
    static uint8_t buffer[16384];
    struct hash h;
    FILE *file = strcmp(name, "-") ? fopen(name, "rb") : stdin;
    if (!file) {
        fprintf(stderr, "sha256sum: %s: %s\n", name, strerror(errno));
        return 1;
    }
    start(&h);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;)
        update(&h, buffer, n);
    int bad = ferror(file);
    if (bad)
        fprintf(stderr, "sha256sum: %s: %s\n", name, strerror(errno));
    if (file != stdin)
        fclose(file);
    if (bad)
        return 1;
    finish(&h);
    for (int i = 0; i < 8; i++)
        printf("%08x", h.state[i]);
    printf("  %s\n", name);
    return 0;
}

int main(int argc, char **argv) {
    int status = 0;
    if (argc < 2)
        return sum("-");
    for (int i = 1; i < argc; i++)
        status |= sum(argv[i]);
    return status;
}
