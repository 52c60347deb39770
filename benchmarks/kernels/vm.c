/* A loop over bytecode: a stack machine that finds the longest Collatz sequence that starts below n. */
#include "kernel.h"

enum { PUSH, LOAD, STORE, ADD, MUL, SHR, AND, LESS, JUMP, JUMP_IF_ZERO, HALT };
enum { START, X, LENGTH, BEST, LIMIT };

static const u8 program[] = {
    /*  0 */ PUSH, 1, STORE, START,
    /*  4 */ LOAD, START, LOAD, LIMIT, LESS, JUMP_IF_ZERO, 79,
    /* 11 */ LOAD, START, STORE, X, PUSH, 0, STORE, LENGTH,
    /* 19 */ PUSH, 1, LOAD, X, LESS, JUMP_IF_ZERO, 59,
    /* 26 */ LOAD, LENGTH, PUSH, 1, ADD, STORE, LENGTH,
    /* 33 */ LOAD, X, PUSH, 1, AND, JUMP_IF_ZERO, 52,
    /* 40 */ LOAD, X, PUSH, 3, MUL, PUSH, 1, ADD, STORE, X, JUMP, 19,
    /* 52 */ LOAD, X, SHR, STORE, X, JUMP, 19,
    /* 59 */ LOAD, BEST, LOAD, LENGTH, LESS, JUMP_IF_ZERO, 70,
    /* 66 */ LOAD, LENGTH, STORE, BEST,
    /* 70 */ LOAD, START, PUSH, 1, ADD, STORE, START, JUMP, 4,
    /* 79 */ HALT,
};

EXPORT u32 run(u32 n) {
    u32 stack[16], locals[5] = {0, 0, 0, 0, n}, *top = stack;
    const u8 *pc = program;
    for (u32 executed = 0;; executed++)
        switch (*pc++) {
        case PUSH: *top++ = *pc++; break;
        case LOAD: *top++ = locals[*pc++]; break;
        case STORE: locals[*pc++] = *--top; break;
        case ADD: top--, top[-1] += top[0]; break;
        case MUL: top--, top[-1] *= top[0]; break;
        case SHR: top[-1] >>= 1; break;
        case AND: top--, top[-1] &= top[0]; break;
        case LESS: top--, top[-1] = top[-1] < top[0]; break;
        case JUMP: pc = program + *pc; break;
        case JUMP_IF_ZERO: pc = *--top ? pc + 1 : program + *pc; break;
        case HALT: return mix(executed, locals[BEST]);
        default: __builtin_trap();
        }
}
