package keras

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/disk"
)

// startTime is how long the zygote may take to fork before it counts as hung.
const startTime = 20 * time.Second

// diskCheck is how often the size of the scratch folder is looked at: the
// limit on files is one of each file.
const diskCheck = 100 * time.Millisecond

// job is one request to the zygote.
type job struct {
	id      int64
	limits  limits
	rest    time.Duration // that it may do nothing
	started chan int      // pidfd, -1 when it did not come
	exited  chan int      // exit code, negative for a signal
	output  []byte
	result  []byte
	copied  sync.WaitGroup
}

// The reasons for which a child is killed.
var (
	errWall = errors.New("building the model took longer than three minutes")
	errDisk = errors.New("the model writes too many files")

	errThreads = fmt.Errorf("the model starts more than %d threads", maxThreads)
)

// run has one child do what is asked and returns its exit code when it is dead.
// A killed child's error says why it was killed.
func (j *job) run(ctx context.Context, z *zygote, asked any, scratch string) (int, error) {
	texts, err := json.Marshal(asked)
	if err != nil {
		return 0, err
	}
	request, err := json.Marshal(map[string]any{"id": j.id, "scratch": scratch, "limits": j.limits})
	if err != nil {
		return 0, err
	}
	if err := j.ask(z, request, texts); err != nil {
		return 0, fmt.Errorf("ask the Python worker: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wall, errWall)
	defer cancel()
	code, err := j.await(ctx, z, scratch)
	j.copied.Wait()
	return code, err
}

// ask sends the request with the child's ends of three pipes and starts what
// serves our ends.
func (j *job) ask(z *zygote, request, texts []byte) error {
	var theirs []int
	var ours []*os.File
	defer func() {
		for _, fd := range theirs { // the zygote has its own now
			unix.Close(fd) //nolint:errcheck // nothing is written through ours
		}
	}()
	for i, name := range []string{"texts", "output", "result"} {
		var ends [2]int // to read, to write
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			closeAll(ours)
			return err
		}
		mine, its := ends[0], ends[1]
		if i == 0 {
			mine, its = its, mine
		}
		theirs = append(theirs, its)
		unix.SetNonblock(mine, true) //nolint:errcheck // only slower where it cannot be
		ours = append(ours, os.NewFile(uintptr(mine), name))
	}
	if err := z.send(j, request, theirs...); err != nil {
		closeAll(ours)
		return err
	}
	j.copied.Go(func() {
		ours[0].Write(texts) //nolint:errcheck // a child that died early is told by its exit
		ours[0].Close()
	})
	j.copied.Go(func() { j.output = readCapped(ours[1], maxOutput) })
	j.copied.Go(func() { j.result = readCapped(ours[2], maxResult+1) })
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// readCapped keeps the first most bytes and drains the rest, so that the
// writer never waits.
func readCapped(f *os.File, most int64) []byte {
	defer f.Close()
	kept, err := io.ReadAll(io.LimitReader(f, most))
	if err == nil {
		io.Copy(io.Discard, f) //nolint:errcheck // the writer's end
	}
	return kept
}

// await waits for the child's end and kills it when ctx ends or its files grow
// too large.
func (j *job) await(ctx context.Context, z *zygote, scratch string) (int, error) {
	pidfd := -1
	defer func() {
		if pidfd >= 0 {
			unix.Close(pidfd) //nolint:errcheck // read only
		}
	}()
	hung := time.AfterFunc(startTime, z.kill)
	defer hung.Stop()
	look := time.NewTicker(diskCheck)
	defer look.Stop()
	most := mostWritten(scratch, j.limits.File)
	var why error
	var resting rest
	end := func(reason error) {
		why = errors.Join(why, reason)
		if pidfd >= 0 {
			unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0) //nolint:errcheck // it has ended already
		}
	}
	done := ctx.Done()
	for {
		select {
		case pidfd = <-j.started:
			hung.Stop()
			resting.pid = pidOf(pidfd)
			if why != nil {
				end(nil)
			}
		case code := <-j.exited:
			return code, why
		case <-z.dead:
			return 0, errors.Join(why, errors.New("the Python worker ended"), z.cause())
		case <-done:
			done = nil
			end(context.Cause(ctx))
		case <-look.C:
			if bytes, files := disk.Taken(scratch, maxFiles); files > maxFiles && why == nil {
				end(fmt.Errorf("%w: more than %d", errDisk, maxFiles))
			} else if bytes+disk.Unlinked(resting.pid) > most && why == nil {
				end(fmt.Errorf("%w: more than %d MiB", errDisk, most>>20))
			}
			if threads(resting.pid) > maxThreads && why == nil {
				end(errThreads)
			}
			if resting.look(time.Now()) > j.rest && why == nil {
				end(errRest)
			}
		}
	}
}
