/* Binary trees: many of depth 4 to n, each node allocated and freed, beside one that lives long; all their nodes. */
#include "kernel.h"
#include <stdlib.h>

struct node {
    struct node *left, *right;
};

static struct node *grow(u32 depth) {
    struct node *node = malloc(sizeof(struct node));
    if (!node) __builtin_trap();
    node->left = depth ? grow(depth - 1) : 0;
    node->right = depth ? grow(depth - 1) : 0;
    return node;
}

static u32 fell(struct node *node) {
    if (!node) return 0;
    u32 count = 1 + fell(node->left) + fell(node->right);
    free(node);
    return count;
}

EXPORT u32 run(u32 n) {
    struct node *lasting = grow(n);
    u32 count = 0;
    for (u32 depth = 4; depth <= n; depth += 2)
        for (u32 i = 0; i < 1u << (n - depth); i++) count += fell(grow(depth));
    return count + fell(lasting);
}
