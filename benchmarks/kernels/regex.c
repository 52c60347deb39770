/* A regular expression becomes an automaton that is simulated with lists of states; the matches that end at each of
   1000 × n letters are counted. */
#include "kernel.h"

enum { CHAR, ANY, SPLIT, MATCH };

struct state {
    u8 kind, letter;
    u16 out, other;
};

static struct state states[64];
static u16 current[64], next[64];
static u32 listed[64], stamp;
static u8 text[1000];

/* In postfix form: . joins, | chooses, * + ? repeat, _ is any letter. */
static const char pattern[] = "ab|*c.d_..e?.ab.c.+|f.";

struct part {
    u16 start, ends[16], count;
};

static u16 add_state(u32 *n, u8 kind, u8 letter, u16 out) {
    states[*n] = (struct state){kind, letter, out, 0};
    return (*n)++;
}

/* The ends of a part are the states whose free exit is to be set. */
static void connect(const struct part *part, u16 to) {
    for (u32 i = 0; i < part->count; i++)
        if (states[part->ends[i]].kind == SPLIT)
            states[part->ends[i]].other = to;
        else
            states[part->ends[i]].out = to;
}

static u16 compile(void) {
    struct part stack[8], *top = stack;
    u32 n = 0;
    for (const char *p = pattern; *p; p++) switch (*p) {
        case '.':
            top--;
            connect(top - 1, top->start);
            for (u32 i = 0; i < top->count; i++) top[-1].ends[i] = top->ends[i];
            top[-1].count = top->count;
            break;
        case '|': {
            /* a choice: the first way is the state's own exit, and what ends either way ends here */
            top--;
            u16 s = add_state(&n, SPLIT, 0, top[-1].start);
            states[s].other = top->start;
            top[-1].start = s;
            for (u32 i = 0; i < top->count; i++) top[-1].ends[top[-1].count++] = top->ends[i];
            break;
        }
        case '*': case '+': case '?': {
            u16 s = add_state(&n, SPLIT, 0, top[-1].start);
            if (*p != '?') {
                connect(top - 1, s);
                top[-1].count = 0;
            }
            if (*p != '+') top[-1].start = s;
            top[-1].ends[top[-1].count++] = s;
            break;
        }
        default: {
            u16 s = add_state(&n, *p == '_' ? ANY : CHAR, *p, 0);
            *top++ = (struct part){s, {s}, 1};
        }
        }
    connect(top - 1, add_state(&n, MATCH, 0, 0));
    return top[-1].start;
}

static void enter(u16 *list, u32 *count, u16 s) {
    if (listed[s] == stamp) return;
    listed[s] = stamp;
    if (states[s].kind == SPLIT) {
        enter(list, count, states[s].out);
        enter(list, count, states[s].other);
    } else
        list[(*count)++] = s;
}

EXPORT u32 run(u32 n) {
    u16 start = compile();
    random_state = 88675123;
    for (u32 i = 0; i < 1000; i++) text[i] = 'a' + next_random() % 6;
    u32 matches = 0, sum = 0, count = 0;
    for (u32 round = 0; round < n; round++)
        for (u32 i = 0; i < 1000; i++) {
            u8 c = text[i];
            u32 entered = 0;
            stamp++;
            enter(current, &count, start); /* a match may begin anywhere; at worst it is there twice */
            stamp++;
            for (u32 k = 0; k < count; k++) {
                const struct state *s = &states[current[k]];
                if (s->kind == ANY || (s->kind == CHAR && s->letter == c)) enter(next, &entered, s->out);
            }
            count = 0;
            for (u32 k = 0; k < entered; k++)
                if (states[next[k]].kind == MATCH)
                    matches++, sum = mix(sum, i);
                else
                    current[count++] = next[k];
        }
    return sum + matches;
}
