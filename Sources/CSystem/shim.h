// What Swift cannot import of the kernel's process interface: macros and their layouts.
#ifndef CPROCESS_SHIM_H
#define CPROCESS_SHIM_H

#include <errno.h>
#include <linux/sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

// In glibc since 2.34; declared only for _GNU_SOURCE, which the Glibc module is built without.
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

// Sends one message of one byte and, unless it is -1, one descriptor (SCM_RIGHTS, unix(7)).
// Returns 0, or -1 with errno set. If the peer has exited, errno is EPIPE; no signal is raised.
static inline int fm_send_message(int channel, unsigned char kind, int descriptor) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = &kind, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor != -1) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return sendmsg(channel, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

// Receives one such message. Returns 1, or 0 when the peer has exited, or -1 with errno set.
// `descriptor` becomes the received descriptor, close-on-exec and to be closed by the caller, or -1.
static inline int fm_receive_message(int channel, unsigned char *kind, int *descriptor) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = kind, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    // CMSG_SPACE is padded and would let the kernel install a second descriptor that is never closed.
    message.msg_controllen = CMSG_LEN(sizeof(int));
    *descriptor = -1;
    ssize_t count = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    if (count <= 0) return (int)count;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
        && header->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    }
    return 1;
}

#endif
