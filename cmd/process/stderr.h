// On SIGABRT, which the library raises where it cannot go on, has the reader of the
// pipe write all that stands in it, and lets the process die of the signal. The
// other threads still run: the reader finds a mark behind the last words and
// answers through the event `read`. Where it does not within a second, the pipe is
// copied to standard error as it is.
#ifndef KAFKAML_STDERR_H
#define KAFKAML_STDERR_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int kafkaml_from, kafkaml_to, kafkaml_read;

static void kafkaml_last_words(int signal) {
  char buffer[4096];
  ssize_t n;
  struct pollfd answer = {kafkaml_read, POLLIN, 0};
  fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);  // a full pipe must not hold the abort up
  if (write(STDERR_FILENO, "\n\0\n", 3) == 3) poll(&answer, 1, 1000);
  fcntl(kafkaml_from, F_SETFL, O_NONBLOCK);
  while ((n = read(kafkaml_from, buffer, sizeof buffer)) > 0) {
    if (write(kafkaml_to, buffer, (size_t)n) < 0) break;
  }
  raise(signal);  // the handler was reset: now it kills
}

static void kafkaml_keep_last_words(int from, int to, int read) {
  struct sigaction act;
  kafkaml_from = from;
  kafkaml_to = to;
  kafkaml_read = read;
  memset(&act, 0, sizeof act);
  act.sa_handler = kafkaml_last_words;
  act.sa_flags = (int)SA_RESETHAND | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGABRT, &act, NULL);
}

#endif
