"""The warm process: imports TensorFlow and Keras once, then forks one child a request.

Run as: python -I -S zygote.py SITE [SITE ...]: the folder of TensorFlow and Keras,
and those of the converter to ONNX and of Optuna where they are there. File descriptor 3 is a SOCK_SEQPACKET
socket to the Go side; its end ends this process, and with it the children.
A request is JSON with three descriptors: source, output, result. It is answered
twice: {"id", "pid"} with a pidfd, then {"id", "exit"} when the child has ended.

Nothing here may start TensorFlow's eager context or a thread: a fork after
that hangs.
"""
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback

SITES = sys.argv[1:]
WORKER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [WORKER, *SITES]

import child
import fences
import landlock


def answer(control, descriptors=(), **message):
    """Sends one message to the Go side. Where that has gone there is nothing left to do."""
    try:
        socket.send_fds(control, [json.dumps(message).encode()], list(descriptors))
    except OSError:
        os._exit(0)


def reap(control, running):
    """Reports each child that has ended; exit is negative for a signal."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        answer(control, id=running.pop(pid, 0), exit=os.waitstatus_to_exitcode(status))


def start(control, request, descriptors):
    """Forks the child of one request and gives its pid."""
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            child.main(request, descriptors, zygote, SITES, WORKER)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)  # no atexit, no other threads, no unwinding into the loop below
    for descriptor in descriptors:
        os.close(descriptor)
    pidfd = os.pidfd_open(pid)
    answer(control, [pidfd], id=request["id"], pid=pid)
    os.close(pidfd)
    return pid


def serve(control):
    """Answers requests until the other side closes the socket."""
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running = {}
    while True:
        ready, _, _ = select.select([control, read_end], [], [])
        if read_end in ready:
            os.read(read_end, 4096)
            reap(control, running)
        if control in ready:
            message, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 8)
            if not message:
                return
            request = json.loads(message)
            running[start(control, request, descriptors)] = request["id"]


def main():
    control = socket.socket(fileno=3)
    child.preload()
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"{threads} threads after the imports, a fork would hang")
    missing = fences.probe(SITES, WORKER)
    gc.collect()
    gc.freeze()  # the children share these pages until they write
    answer(control, ready=True, landlock=landlock.abi(), missing=missing, libraries=child.libraries())
    serve(control)
    os._exit(0)


main()
