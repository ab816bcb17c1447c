// What Swift cannot import of memfd_create(2), its seals (fcntl(2)) and futex(2): GNU declarations and a system call.
#ifndef CSHAREDMEMORY_SHIM_H
#define CSHAREDMEMORY_SHIM_H

#include <linux/futex.h>
#include <linux/memfd.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// In glibc since 2.27; declared only for _GNU_SOURCE, which the Glibc module is built without.
extern int memfd_create(const char *name, unsigned int flags);

// From <linux/fcntl.h>, which cannot be included together with <fcntl.h>.
enum { FM_ADD_SEALS = 1033, FM_GET_SEALS = 1034 };

// F_SEAL_SEAL, F_SEAL_SHRINK and F_SEAL_GROW: neither the size nor the seals can change.
enum { FM_SEALS_OF_FIXED_SIZE = 1 | 2 | 4 };

// Sleeps while the word equals `seen`, until it is woken or interrupted or the timeout (a struct timespec) has passed;
// the caller checks again in each case. Not a private futex: the kernel identifies the word by its position in the
// shared memory, not by its address.
static inline void fm_wait(const void *word, uint32_t seen, const void *at_most) {
    syscall(SYS_futex, word, FUTEX_WAIT, seen, at_most, 0, 0);
}

static inline void fm_wake_one(const void *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, 1, 0, 0, 0);
}

#endif
