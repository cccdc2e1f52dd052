/* SPDX-License-Identifier: Apache-2.0 */
/* Writes tests/vectors/NAME.json; run it in the root of the sources after a change of the protocol, and say so in the change. */
#include "frames.h"

int main(void)
{
    if (jv_crypto_init() != JV_E_OK) {
        return 1;
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(vector_files); i++) {
        FILE *to = fopen(vector_files[i].name, "w");
        if (to == NULL) {
            perror(vector_files[i].name);
            return 1;
        }
        vector_files[i].write(to);
        if (fclose(to) != 0) {
            perror(vector_files[i].name);
            return 1;
        }
    }
    jv_crypto_fini();
    return 0;
}
