/* Sends prepared reports the way Spark's GraphiteSink does: one connection each, connect, write, close.
 *
 *   sender FILE HOST PORT ROUNDS PERIOD_MS
 *
 * FILE holds records: 4 bytes source address (network order), 4 bytes length (native), then the report. Each round
 * sends them all in order, as fast as the far end accepts them (PERIOD_MS 0) or spread evenly over PERIOD_MS. A
 * report's timestamps are the ten characters "@@@@@@@@@@" and become the present time, without pacing that of the
 * start: one executor's reports then follow each other within milliseconds, and a receiver may read them in any order.
 * Lines of a format without timestamps are sent as they are.
 * Prints "connections bytes failures seconds".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int send_one(const struct sockaddr_in *to, const char *source, const char *report, unsigned length) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1, done = 0;
    struct sockaddr_in from = {.sin_family = AF_INET};
    memcpy(&from.sin_addr, source, 4);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0 && connect(fd, (struct sockaddr *)to, sizeof *to) == 0) {
        unsigned sent = 0;
        while (sent < length) {
            ssize_t got = send(fd, report + sent, length - sent, MSG_NOSIGNAL);
            if (got <= 0) break;
            sent += (unsigned)got;
        }
        done = sent == length;
    }
    close(fd);
    return done;
}

int main(int argc, char **argv) {
    if (argc != 6) return fprintf(stderr, "usage: sender FILE HOST PORT ROUNDS PERIOD_MS\n"), 2;
    FILE *file = fopen(argv[1], "rb");
    if (!file) return perror(argv[1]), 1;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) return perror("read"), 1;
    data[size] = 0;
    long records = 0;
    for (char *at = data; at < data + size; records++) {
        unsigned length;
        memcpy(&length, at + 4, 4);
        at += 8 + length;
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[3]))};
    inet_pton(AF_INET, argv[2], &to.sin_addr);
    long rounds = atol(argv[4]);
    double period = atof(argv[5]) / 1000, start = now();
    unsigned long connections = 0, bytes = 0, failures = 0;
    long began = (long)time(NULL);
    for (long round = 0; round < rounds; round++) {
        char *at = data;
        for (long index = 0; index < records; index++) {
            unsigned length;
            memcpy(&length, at + 4, 4);
            double due = start + period * ((double)round + (double)index / (double)records);
            while (period > 0 && now() < due) usleep((useconds_t)((due - now()) * 1e6 + 1));
            char fresh[11];
            snprintf(fresh, sizeof fresh, "%010ld", period > 0 ? (long)time(NULL) : began);
            /* the last line ends with the timestamp: when it is the one of now, so are the others */
            if (at[8 + length - 12] == ' ' && memcmp(at + 8 + length - 11, fresh, 10) != 0)
                for (char *p = at + 8, *end = p + length, *lf; p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1)
                    memcpy(lf - 10, fresh, 10);
            if (send_one(&to, at, at + 8, length)) connections++, bytes += length;
            else failures++;
            at += 8 + length;
        }
    }
    printf("%lu %lu %lu %.6f\n", connections, bytes, failures, now() - start);
    return failures != 0;
}
