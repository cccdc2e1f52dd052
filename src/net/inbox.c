/* SPDX-License-Identifier: Apache-2.0 */
#include "inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "instant.h"

/* Of one sendmmsg; its message headers lie on the stack, so that writers share nothing. */
#define SEND_AT_ONCE 16U
#define IOVS 2U

/* Before each packet. Both ends are of one process, so it has the compiler's layout. */
struct head {
    struct jv_instant received;
    struct jv_endpoint remote, local;
    uint32_t link;
    uint8_t kind, ecn, dscp, is_csum_partial;
};

struct jv_inbox {
    int read_fd, write_fd;
    struct jv_inbox_counts counts;
    struct mmsghdr msgs[JV_BATCH_MAX];
    struct iovec iov[JV_BATCH_MAX][IOVS];
    struct head heads[JV_BATCH_MAX];
    uint32_t messages, next; /* that the last call brought; the first that was not handed out */
    uint8_t places[JV_BATCH_MAX][JV_BUF_BYTES]; /* touched as far as packets reach */
};

/* Each end is the other's only peer, so the kernel's bound on the number of datagrams that wait at a Unix socket does not apply: what
 * waits is charged to the buffer of the socket that it was sent by. */
static void set_bound(int fd, uint32_t bytes)
{
    int want = (int)JV_MIN(bytes, (uint32_t)INT32_MAX / 2U);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof(want)) != 0) {
        /* A smaller one drops sooner. */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
    }
}

enum jv_err jv_inbox_open(uint32_t buf_bytes, struct jv_inbox **out)
{
    int fds[2];
    struct jv_inbox *inbox = calloc(1, sizeof(*inbox));
    if (inbox == NULL) {
        return JV_E_NOMEM;
    }
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        int saved = errno;
        free(inbox);
        errno = saved;
        return JV_E_SYSTEM;
    }
    inbox->read_fd = fds[0];
    inbox->write_fd = fds[1];
    set_bound(inbox->write_fd, buf_bytes != 0 ? buf_bytes : JV_INBOX_BUF_BYTES);
    *out = inbox;
    return JV_E_OK;
}

void jv_inbox_close(struct jv_inbox *inbox)
{
    if (inbox == NULL) {
        return;
    }
    (void)close(inbox->write_fd); /* what waits is lost, like what waits at a UDP socket */
    (void)close(inbox->read_fd);
    free(inbox);
}

int jv_inbox_fd(const struct jv_inbox *inbox)
{
    return inbox->read_fd;
}

const struct jv_inbox_counts *jv_inbox_counts(const struct jv_inbox *inbox)
{
    return &inbox->counts;
}

/* ---- writers ---- */

static struct head head_of(enum jv_inbox_kind kind, const struct jv_slot *slot)
{
    struct head head;
    memset(&head, 0, sizeof(head)); /* between the fields, too: all of it goes to the kernel */
    head.received = slot->received;
    head.remote = slot->remote;
    head.local = slot->local;
    head.link = slot->link;
    head.kind = (uint8_t)kind;
    head.ecn = slot->ecn;
    head.dscp = slot->dscp;
    head.is_csum_partial = slot->is_csum_partial;
    return head;
}

/* Sends slots[0..n), n at most SEND_AT_ONCE. False: the reader has no room. */
static bool send_some(const struct jv_inbox *inbox, enum jv_inbox_kind kind,
                      const struct jv_slot *slots, uint32_t n, struct jv_inbox_sent *sent)
{
    struct head heads[SEND_AT_ONCE];
    struct iovec iov[SEND_AT_ONCE][IOVS];
    struct mmsghdr msgs[SEND_AT_ONCE];
    uint32_t messages = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (slots[i].len == 0 || slots[i].len > JV_BUF_ROOM) {
            sent->dropped_other++;
            continue;
        }
        heads[messages] = head_of(kind, &slots[i]);
        iov[messages][0] = (struct iovec){&heads[messages], sizeof(heads[messages])};
        iov[messages][1] = (struct iovec){slots[i].buf + slots[i].off, slots[i].len};
        msgs[messages].msg_hdr = (struct msghdr){.msg_iov = iov[messages], .msg_iovlen = IOVS};
        messages++;
    }
    for (uint32_t i = 0; i < messages;) {
        int put = sendmmsg(inbox->write_fd, &msgs[i], messages - i, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put > 0) {
            sent->sent += (uint32_t)put;
            i += (uint32_t)put;
        } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
            sent->dropped_full += messages - i;
            return false;
        } else if (errno != EINTR) {
            sent->dropped_other++;
            i++;
        }
    }
    return true;
}

void jv_inbox_send(const struct jv_inbox *inbox, enum jv_inbox_kind kind,
                   const struct jv_slot *slots, uint32_t n, struct jv_inbox_sent *result_out)
{
    struct jv_inbox_sent sent = {0};
    bool has_room = true;
    for (uint32_t at = 0; at < n; at += SEND_AT_ONCE) {
        uint32_t len = JV_MIN(n - at, SEND_AT_ONCE);
        if (has_room) {
            has_room = send_some(inbox, kind, slots + at, len, &sent);
        } else {
            sent.dropped_full += len; /* what comes behind would overtake what was dropped */
        }
    }
    *result_out = sent;
}

/* ---- the reader ---- */

static uint32_t recv_messages(struct jv_inbox *inbox)
{
    for (uint32_t i = 0; i < JV_BATCH_MAX; i++) {
        inbox->iov[i][0] = (struct iovec){&inbox->heads[i], sizeof(inbox->heads[i])};
        inbox->iov[i][1] = (struct iovec){inbox->places[i] + JV_BUF_HEADROOM, JV_BUF_ROOM};
        inbox->msgs[i].msg_hdr = (struct msghdr){.msg_iov = inbox->iov[i], .msg_iovlen = IOVS};
    }
    int got;
    do {
        got = recvmmsg(inbox->read_fd, inbox->msgs, JV_BATCH_MAX, MSG_DONTWAIT, NULL);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        inbox->counts.recv_errors += errno != EAGAIN;
        return 0;
    }
    return (uint32_t)got;
}

bool jv_inbox_has_rest(const struct jv_inbox *inbox)
{
    return inbox->next < inbox->messages;
}

uint32_t jv_inbox_recv(struct jv_inbox *inbox, enum jv_inbox_kind *kind_out, struct jv_slot *slots,
                       uint32_t n)
{
    uint32_t filled = 0;
    if (!jv_inbox_has_rest(inbox)) {
        inbox->messages = recv_messages(inbox);
        inbox->next = 0;
    }
    for (; filled < n && jv_inbox_has_rest(inbox); inbox->next++) {
        uint32_t i = inbox->next;
        const struct head *head = &inbox->heads[i];
        /* Nobody else can write there. */
        JV_ASSERT(inbox->msgs[i].msg_len > sizeof(*head) &&
                  (inbox->msgs[i].msg_hdr.msg_flags & MSG_TRUNC) == 0);
        if (filled > 0 && head->kind != *kind_out) {
            break;
        }
        *kind_out = (enum jv_inbox_kind)head->kind;
        slots[filled++] = (struct jv_slot){.buf = inbox->places[i],
                                           .is_borrowed = true,
                                           .is_handed = true,
                                           .off = JV_BUF_HEADROOM,
                                           .len = inbox->msgs[i].msg_len - (uint32_t)sizeof(*head),
                                           .link = head->link,
                                           .remote = head->remote,
                                           .local = head->local,
                                           .received = head->received,
                                           .ecn = head->ecn,
                                           .dscp = head->dscp,
                                           .is_csum_partial = head->is_csum_partial != 0};
        inbox->counts.received_bytes += slots[filled - 1].len;
    }
    inbox->counts.received += filled;
    return filled;
}
