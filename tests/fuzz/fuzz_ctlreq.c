/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a line of the control socket: what is accepted is within its bounds. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ctlreq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct jv_ctlreq req;
    const char *error = NULL;
    if (jv_ctlreq_parse((const char *)data, len, &req, &error) == JV_E_OK) {
        JV_ASSERT(req.cmd < JV_REQ_END);
        JV_ASSERT(memchr(req.sid, '\0', sizeof(req.sid)) != NULL);
        JV_ASSERT(memchr(req.path, '\0', sizeof(req.path)) != NULL);
    } else {
        JV_ASSERT(error != NULL);
    }
    return 0;
}
