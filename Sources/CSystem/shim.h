// What Swift cannot import of the kernel's process interface: macros and their layouts.
#ifndef CPROCESS_SHIM_H
#define CPROCESS_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <linux/auxvec.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// In glibc since 2.34; declared only for _GNU_SOURCE, which the Glibc module is built without.
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

// Declared here, because <sys/auxv.h> brings declarations of the Glibc module with it.
extern unsigned long getauxval(unsigned long type);

// Whether the kernel has loaded no interpreter for this process: then its executable is the dynamic loader, which was
// started with this program as its argument (ld.so(8)).
static inline int fm_is_run_by_loader(void) { return getauxval(AT_BASE) == 0; }

// Sends one datagram to the unix socket at `path`; an `@` at its beginning stands for an abstract address. Does nothing
// if that is not possible at once.
static inline void fm_send_datagram(const char *path, const char *text) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) return;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    int channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (channel < 0) return;
    sendto(channel, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(channel);
}

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

enum { FM_LISTENING = 10 /* TCP_LISTEN, which sock_diag(7) reports for unix sockets too */ };

enum { FM_PATH = __O_PATH /* O_PATH, open(2), which is declared only for _GNU_SOURCE */ };

// The queue of a listening unix socket.
struct fm_listen_queue {
    // How many connections wait to be accepted, and the backlog.
    unsigned int length, limit;
    // The socket's file: the lower 32 bits of its inode (0 without a file), and the device of its file system as the
    // kernel numbers it inside: 12 bits of major number, 20 of minor number.
    unsigned int inode, device;
};

// Asks the kernel for the unix socket with that inode (sock_diag(7)), as ss(8) does. Returns 0, or -1 if there is none
// that listens, or the kernel does not tell.
static inline int fm_unix_listen_queue(unsigned int inode, struct fm_listen_queue *queue) {
    struct {
        struct nlmsghdr header;
        struct unix_diag_req body;
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = AF_UNIX, .udiag_states = -1, .udiag_ino = inode,
                 .udiag_show = UDIAG_SHOW_RQLEN | UDIAG_SHOW_VFS, .udiag_cookie = {-1, -1}},
    };
    union {
        struct nlmsghdr header;
        char bytes[1024];
    } answer;
    int channel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (channel < 0) return -1;
    // The kernel has answered by the time that the request is sent, so nothing here waits.
    ssize_t size = -1;
    if (send(channel, &request, sizeof request, 0) == sizeof request) {
        size = recv(channel, &answer, sizeof answer, MSG_DONTWAIT);
    }
    close(channel);
    if (size < (ssize_t)NLMSG_LENGTH(sizeof(struct unix_diag_msg)) || answer.header.nlmsg_len > (size_t)size
        || answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return -1;
    const struct unix_diag_msg *message = NLMSG_DATA(&answer.header);
    if (message->udiag_state != FM_LISTENING) return -1;
    int found = -1;
    queue->inode = 0;
    queue->device = 0;
    size_t place = NLMSG_LENGTH(sizeof *message);
    while (place + sizeof(struct nlattr) <= answer.header.nlmsg_len) {
        const struct nlattr *attribute = (const struct nlattr *)(answer.bytes + place);
        if (attribute->nla_len < sizeof *attribute || place + attribute->nla_len > answer.header.nlmsg_len) return -1;
        size_t length = attribute->nla_len - sizeof *attribute;
        if (attribute->nla_type == UNIX_DIAG_RQLEN && length >= sizeof(struct unix_diag_rqlen)) {
            const struct unix_diag_rqlen *counts = (const struct unix_diag_rqlen *)(attribute + 1);
            queue->length = counts->udiag_rqueue;
            queue->limit = counts->udiag_wqueue;
            found = 0;
        } else if (attribute->nla_type == UNIX_DIAG_VFS && length >= sizeof(struct unix_diag_vfs)) {
            const struct unix_diag_vfs *file = (const struct unix_diag_vfs *)(attribute + 1);
            queue->inode = file->udiag_vfs_ino;
            queue->device = file->udiag_vfs_dev;
        }
        place += NLA_ALIGN(attribute->nla_len);
    }
    return found;
}

#endif
