/* The floor: accept, receive to the end, discard. What no receiver of reports can be cheaper than.
 *
 *   floor HOST PORT     prints "HOST PORT" when it listens; at SIGTERM prints
 *                       "connections bytes" of all that it received and exits.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int number) { (void)number; stop = 1; }

static char buffer[65536];
static unsigned long connections, bytes;

/* Reads what is there; closes at the end. Returns 0 when more may come. */
static int drain(int fd) {
    for (;;) {
        ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got > 0) {
            bytes += (unsigned long)got;
            continue;
        }
        if (got < 0 && errno == EAGAIN) return 0;
        close(fd);
        return 1;
    }
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: floor HOST PORT\n"), 2;
    signal(SIGTERM, on_term);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
    socklen_t size = sizeof address;
    inet_pton(AF_INET, argv[1], &address.sin_addr);
    if (bind(listening, (struct sockaddr *)&address, size) || listen(listening, 4096)) return perror("floor"), 1;
    getsockname(listening, (struct sockaddr *)&address, &size);
    printf("%s %d\n", argv[1], ntohs(address.sin_port));
    fflush(stdout);
    int poll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listening}, ready[64];
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &wanted);
    while (!stop) {
        int count = epoll_wait(poll, ready, 64, 500);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd != listening) {
                drain(fd);
                continue;
            }
            while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                connections++;
                wanted.data.fd = fd;
                if (!drain(fd)) epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
            }
        }
    }
    printf("%lu %lu\n", connections, bytes);
    return 0;
}
