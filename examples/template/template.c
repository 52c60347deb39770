/* A plugin: it fills in {names} in a text, and asks its host what each name stands for.
 *
 * It is no WASI program: it has no main and imports one function. Host and plugin talk through the plugin's memory.
 *
 *   buffer() → where the host writes the text, CAPACITY bytes
 *   expand(length) → length of the result, which is where output() says; −1 if it would not fit
 *   env.lookup(name, name_length, out, capacity) → bytes written to out, −1 for an unknown name */
#define CAPACITY 65536
#define EXPORT(name) __attribute__((export_name(#name))) name

__attribute__((import_module("env"), import_name("lookup"))) int lookup(const char *name, int length, char *out,
                                                                       int capacity);

static char text[CAPACITY], result[CAPACITY];

char *EXPORT(buffer)(void) { return text; }
char *EXPORT(output)(void) { return result; }
int EXPORT(capacity)(void) { return CAPACITY; }

int EXPORT(expand)(int length) {
    int to = 0;
    for (int i = 0; i < length;) {
        int end = i + 1;
        if (text[i] == '{')
            while (end < length && text[end] != '}' && text[end] != '{')
                end++;
        if (text[i] == '{' && end < length && text[end] == '}') {
            int n = lookup(text + i + 1, end - i - 1, result + to, CAPACITY - to);
            if (n >= 0) {
                to += n;
                i = end + 1;
                continue;
            }
        }
        if (to == CAPACITY)
            return -1;
        result[to++] = text[i++];
    }
    return to;
}
