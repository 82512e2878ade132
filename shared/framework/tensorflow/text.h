// The strings of a tensor of text, from and to their stored form: of each, the
// number of its bytes in 4 bytes, little-endian, and the bytes.
#ifndef KAFKAML_TEXT_H
#define KAFKAML_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tensorflow/c/tf_tstring.h>

// kafkaml_set_texts sets n strings and reports whether the stored bytes are those
// of exactly n.
static inline int kafkaml_set_texts(void *strings, size_t n, const void *stored, size_t bytes) {
  TF_TString *to = strings;
  const uint8_t *at = stored, *end = at + bytes;
  for (size_t i = 0; i < n; i++) {
    if (end - at < 4) return 0;
    size_t size = (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
    at += 4;
    if (size > (size_t)(end - at)) return 0;
    TF_StringCopy(&to[i], (const char *)at, size);
    at += size;
  }
  return at == end;
}

// kafkaml_texts_size is how many bytes n strings take in their stored form.
static inline size_t kafkaml_texts_size(const void *strings, size_t n) {
  const TF_TString *of = strings;
  size_t bytes = 4 * n;
  for (size_t i = 0; i < n; i++) bytes += TF_StringGetSize(&of[i]);
  return bytes;
}

// kafkaml_get_texts stores n strings, each below 4 GiB, in as many bytes.
static inline void kafkaml_get_texts(const void *strings, size_t n, void *stored) {
  const TF_TString *of = strings;
  uint8_t *at = stored;
  for (size_t i = 0; i < n; i++) {
    size_t size = TF_StringGetSize(&of[i]);
    for (int k = 0; k < 4; k++) *at++ = (uint8_t)(size >> 8 * k);
    memcpy(at, TF_StringGetDataPointer(&of[i]), size);
    at += size;
  }
}

// kafkaml_free_texts frees what the strings own.
static inline void kafkaml_free_texts(void *strings, size_t n) {
  TF_TString *of = strings;
  for (size_t i = 0; i < n; i++) TF_StringDealloc(&of[i]);
}

#endif
