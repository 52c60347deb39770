/* Five bodies that attract each other, n steps of a symplectic integrator; the energy at the end. */
#include "kernel.h"

struct body {
    double position[3], velocity[3], mass;
};

static const struct body start[5] = {
    {{0, 0, 0}, {0, 0, 0}, 40},
    {{5, -1, 0.125}, {0.5, 2.75, -0.0625}, 0.0375},
    {{8.25, 4, -0.375}, {-1, 1.75, 0.03125}, 0.0125},
    {{13, -15, -0.25}, {1, 0.875, -0.0125}, 0.00175},
    {{15.5, -26, 0.1875}, {1, 0.625, -0.03125}, 0.002},
};

static struct body bodies[5];

EXPORT double run(u32 n) {
    const double step = 0.001;
    for (u32 i = 0; i < 5; i++) bodies[i] = start[i];
    for (u32 t = 0; t < n; t++) {
        for (u32 i = 0; i < 5; i++)
            for (u32 j = i + 1; j < 5; j++) {
                struct body *p = &bodies[i], *q = &bodies[j];
                double d[3], square = 0;
                for (u32 k = 0; k < 3; k++) {
                    d[k] = p->position[k] - q->position[k];
                    square += d[k] * d[k];
                }
                double pull = step / (square * __builtin_sqrt(square));
                for (u32 k = 0; k < 3; k++) {
                    p->velocity[k] -= d[k] * q->mass * pull;
                    q->velocity[k] += d[k] * p->mass * pull;
                }
            }
        for (u32 i = 0; i < 5; i++)
            for (u32 k = 0; k < 3; k++) bodies[i].position[k] += step * bodies[i].velocity[k];
    }
    double energy = 0;
    for (u32 i = 0; i < 5; i++) {
        for (u32 k = 0; k < 3; k++) energy += bodies[i].mass * bodies[i].velocity[k] * bodies[i].velocity[k] / 2;
        for (u32 j = i + 1; j < 5; j++) {
            double square = 0;
            for (u32 k = 0; k < 3; k++) {
                double d = bodies[i].position[k] - bodies[j].position[k];
                square += d * d;
            }
            energy -= bodies[i].mass * bodies[j].mass / __builtin_sqrt(square);
        }
    }
    return energy;
}
