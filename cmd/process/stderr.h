// On SIGABRT, which the library raises where it cannot go on, writes what still
// stands in the pipe `from` to `to`, and lets the process die of the signal.
#ifndef KAFKAML_STDERR_H
#define KAFKAML_STDERR_H

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int kafkaml_from, kafkaml_to;

static void kafkaml_last_words(int signal) {
  char buffer[4096];
  ssize_t n;
  fcntl(kafkaml_from, F_SETFL, O_NONBLOCK);
  while ((n = read(kafkaml_from, buffer, sizeof buffer)) > 0) {
    if (write(kafkaml_to, buffer, (size_t)n) < 0) break;
  }
  raise(signal);  // the handler was reset: now it kills
}

static void kafkaml_keep_last_words(int from, int to) {
  struct sigaction act;
  kafkaml_from = from;
  kafkaml_to = to;
  memset(&act, 0, sizeof act);
  act.sa_handler = kafkaml_last_words;
  act.sa_flags = (int)SA_RESETHAND | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGABRT, &act, NULL);
}

#endif
