// What the module FastCGI needs from C: libfcgi, and the system calls that Swift's Glibc module leaves out. _GNU_SOURCE
// would change types that the Glibc module already defines, so its declarations are repeated here.
#include <fastcgi.h>
#include <fcgiapp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// struct ucred of socket(7).
struct peer_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

extern int accept4(int descriptor, struct sockaddr *address, socklen_t *length, int flags);
