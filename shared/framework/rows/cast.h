// Element-wise casts to float32, written so that the compiler vectorises them.
// The source may lie unaligned: memcpy of one element is a plain load.
#ifndef KAFKAML_ROWS_CAST_H
#define KAFKAML_ROWS_CAST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KAFKAML_TO_FLOAT32(name, type)                                      \
  static inline void name(void *to, const void *from, size_t n) {           \
    float *restrict dst = to;                                               \
    const char *restrict src = from;                                        \
    for (size_t i = 0; i < n; i++) {                                        \
      type v;                                                               \
      memcpy(&v, src + i * sizeof v, sizeof v);                             \
      dst[i] = (float)v;                                                    \
    }                                                                       \
  }

KAFKAML_TO_FLOAT32(kafkaml_u8_f32, uint8_t)
KAFKAML_TO_FLOAT32(kafkaml_i8_f32, int8_t)
KAFKAML_TO_FLOAT32(kafkaml_u16_f32, uint16_t)
KAFKAML_TO_FLOAT32(kafkaml_i16_f32, int16_t)
KAFKAML_TO_FLOAT32(kafkaml_i32_f32, int32_t)
KAFKAML_TO_FLOAT32(kafkaml_i64_f32, int64_t)
KAFKAML_TO_FLOAT32(kafkaml_f64_f32, double)

#endif
