/* A small adventure: find the lamp, open the vault, get out with the gold.
 *
 *   wazero run examples/adventure/adventure.wasm
 *
 * It reads commands from standard input: a direction (n, e, s, w), look, take THING, use THING, bag, quit.
 * The exit code is 0 if the gold comes out of the mine, 1 otherwise. */
#include <stdio.h>
#include <string.h>

enum { NORTH, EAST, SOUTH, WEST, NOWHERE = -1 };
enum { GATE, SHED, TUNNEL, LAKE, VAULT, ROOMS };
enum { LAMP, KEY, GOLD, THINGS };

static const struct room {
    const char *name, *text;
    int dark;
    int exits[4];
} rooms[ROOMS] = {
    [GATE] = {"Gate", "The gate of an old mine. A tunnel leads north, a shed stands to the east.", 0,
              {TUNNEL, SHED, NOWHERE, NOWHERE}},
    [SHED] = {"Shed", "A shed with rusty tools. The gate is to the west.", 0, {NOWHERE, NOWHERE, NOWHERE, GATE}},
    [TUNNEL] = {"Tunnel", "Daylight comes from the south; water drips in the west. A heavy door closes the north.", 1,
                {VAULT, NOWHERE, GATE, LAKE}},
    [LAKE] = {"Lake", "A black lake, and no boat. The tunnel is to the east.", 1, {NOWHERE, TUNNEL, NOWHERE, NOWHERE}},
    [VAULT] = {"Vault", "The vault of the miners. The only way out is south.", 1, {NOWHERE, NOWHERE, TUNNEL, NOWHERE}},
};

static const char *const things[THINGS] = {"lamp", "key", "gold"};
static const char *const seen[THINGS] = {"a lamp", "a key", "a heap of gold"};
enum { CARRIED = -2 };
static int where[THINGS] = {SHED, LAKE, VAULT};
static int here = GATE, lit, open;

static int blind(void) { return rooms[here].dark && !(lit && (where[LAMP] == CARRIED || where[LAMP] == here)); }

static void look(void) {
    if (blind()) {
        puts("It is pitch dark. You can only feel your way back.");
        return;
    }
    printf("[%s] %s\n", rooms[here].name, rooms[here].text);
    for (int i = 0; i < THINGS; i++)
        if (where[i] == here)
            printf("There is %s here.\n", seen[i]);
}

static void go(int direction) {
    int to = rooms[here].exits[direction];
    if (to == NOWHERE || (blind() && to != GATE))
        puts(blind() ? "You stumble and turn back." : "No way leads there.");
    else if (to == VAULT && !open)
        puts("The door is locked.");
    else {
        here = to;
        look();
    }
}

static int find(const char *name) {
    for (int i = 0; i < THINGS; i++)
        if (!strcmp(things[i], name) && (where[i] == CARRIED || (where[i] == here && !blind())))
            return i;
    return NOWHERE;
}

static void take(const char *name) {
    int i = find(name);
    if (i == NOWHERE)
        printf("There is no %s here.\n", name);
    else if (where[i] == CARRIED)
        printf("You have the %s already.\n", name);
    else {
        where[i] = CARRIED;
        printf("You take the %s.\n", name);
    }
}

static void use(const char *name) {
    int i = find(name);
    if (i == NOWHERE)
        printf("There is no %s here.\n", name);
    else if (i == LAMP) {
        lit = !lit;
        puts(lit ? "The lamp burns." : "The lamp goes out.");
    } else if (i == KEY && here == TUNNEL && !blind()) {
        open = 1;
        puts("The door swings open.");
    } else
        puts("Nothing happens.");
}

int main(void) {
    static const char letters[] = "nesw";
    char line[128], verb[16], noun[16];
    int score = 0;
    puts("THE OLD MINE");
    look();
    while (here != GATE || where[GOLD] != CARRIED) {
        printf("> ");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            break;
        verb[0] = noun[0] = 0;
        sscanf(line, "%15s %15s", verb, noun);
        score++;
        const char *direction = verb[0] && !verb[1] ? strchr(letters, verb[0]) : NULL;
        if (direction)
            go((int)(direction - letters));
        else if (!strcmp(verb, "look"))
            look();
        else if (!strcmp(verb, "take"))
            take(noun);
        else if (!strcmp(verb, "use"))
            use(noun);
        else if (!strcmp(verb, "bag")) {
            int empty = 1;
            for (int i = 0; i < THINGS; i++)
                if (where[i] == CARRIED)
                    printf("%s\n", things[i]), empty = 0;
            if (empty)
                puts("Your bag is empty.");
        } else if (!strcmp(verb, "quit"))
            break;
        else
            puts("You can go n, e, s or w, look, take THING, use THING, look into your bag, or quit.");
    }
    if (where[GOLD] == CARRIED && here == GATE) {
        printf("You are out, and rich, after %d commands.\n", score);
        return 0;
    }
    puts("Good-bye, poor miner.");
    return 1;
}
