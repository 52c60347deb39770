/* Lines, words and bytes of standard input.
 *
 *   wazero run examples/wc/wc.wasm < README.md */
#include <unistd.h>
#include <stdio.h>

int main(void) {
    static unsigned char buffer[65536];
    unsigned long lines = 0, words = 0, bytes = 0;
    int inside = 0;
    for (ssize_t n; (n = read(0, buffer, sizeof buffer)) > 0; bytes += n)
        for (ssize_t i = 0; i < n; i++) {
            unsigned char c = buffer[i];
            int space = c == ' ' || (c >= '\t' && c <= '\r');
            lines += c == '\n';
            words += !space && !inside;
            inside = !space;
        }
    printf("%lu %lu %lu\n", lines, words, bytes);
    return 0;
}
