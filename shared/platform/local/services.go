package local

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sync"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// service is one inference: its replicas, and those that they replace.
type service struct {
	l      *Platform
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // owns the replicas' goroutines

	mu       sync.Mutex
	spec     platform.Service
	replicas []*replica
	retiring []*replica // serve until their successors are ready
	made     int        // replicas created so far; the number names a replica's log
	turn     int
}

// Apply implements Services. If the Service changes, its replicas are replaced:
// once the new ones are ready the old ones drain. A Service that may scale to zero
// keeps one replica, since nothing would start one on a request.
func (l *Platform) Apply(_ context.Context, s platform.Service) error {
	if err := platform.CheckName(s.Name); err != nil {
		return err
	}
	if _, err := platform.Describe(s.Spec); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return &pipeline.Error{Op: "apply service", Kind: pipeline.Unavailable, Reason: "this process is shutting down"}
	}
	svc := l.services[s.Name]
	if svc == nil {
		svc = &service{l: l, spec: s}
		svc.ctx, svc.cancel = context.WithCancel(l.ctx)
		l.services[s.Name] = svc
	}
	svc.apply(s)
	return nil
}

func (s *service) apply(spec platform.Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.spec
	s.spec = spec
	was.MinScale, was.MaxScale = spec.MinScale, spec.MaxScale
	if !reflect.DeepEqual(was, spec) {
		old := s.replicas
		s.retiring, s.replicas = append(s.retiring, old...), nil
	}
	want := s.desired()
	for len(s.replicas) < want {
		s.replicas = append(s.replicas, s.newReplica())
	}
	surplus := s.replicas[want:]
	s.replicas = s.replicas[:want:want]
	s.retiring = append(s.retiring, surplus...)
	for _, r := range surplus {
		r.leave()
	}
	if len(s.retiring) > len(surplus) {
		s.succeed(s.replicas, s.retiring)
	}
}

// Names implements Services. All are of this process, since replicas end with it.
func (l *Platform) Names(context.Context) (map[int64][]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := make(map[int64][]string, len(l.services))
	for name, svc := range l.services {
		id := svc.inference()
		names[id] = append(names[id], name)
	}
	return names, nil
}

// inference is whom the service is of.
func (s *service) inference() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spec.Spec.Inference
}

// desired returns the number of replicas. The caller holds the lock.
func (s *service) desired() int { return max(1, s.spec.MinScale) }

// newReplica starts one more replica. The caller holds the lock.
func (s *service) newReplica() *replica {
	s.made++
	ctx, cancel := context.WithCancel(s.ctx)
	r := &replica{
		s: s, spec: s.spec, number: s.made, cancel: cancel,
		ready: make(chan struct{}), done: make(chan struct{}),
	}
	s.goRun(func() {
		defer close(r.done)
		r.supervise(ctx)
		s.forget(r)
	})
	return r
}

// succeed ends the old replicas once all new ones have been ready.
func (s *service) succeed(successors, old []*replica) {
	successors, old = append([]*replica(nil), successors...), append([]*replica(nil), old...)
	s.goRun(func() {
		for _, r := range successors {
			select {
			case <-r.ready:
			case <-r.done: // itself replaced
			case <-s.ctx.Done():
				return
			}
		}
		for _, r := range old {
			r.leave()
		}
	})
}

func (s *service) goRun(f func()) {
	s.wg.Add(1)
	s.l.goRun(func() {
		defer s.wg.Done()
		f()
	})
}

func (s *service) forget(gone *replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.retiring {
		if r == gone {
			s.retiring = append(s.retiring[:i:i], s.retiring[i+1:]...)
			return
		}
	}
}

// Delete implements Services.
func (l *Platform) Delete(ctx context.Context, name string, inference int64) error {
	l.mu.Lock()
	svc := l.services[name]
	if svc == nil || svc.inference() != inference {
		l.mu.Unlock()
		return nil
	}
	delete(l.services, name)
	l.mu.Unlock()
	svc.cancel()
	gone := make(chan struct{})
	l.goRun(func() {
		defer close(gone)
		svc.wg.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.services[name] == nil { // not made anew meanwhile
			_ = os.RemoveAll(l.suspects(name)) // else the next start does
		}
	})
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return &pipeline.Error{Op: "delete service " + name, Kind: pipeline.Unavailable, Err: context.Cause(ctx)}
	}
}

// Status implements Services.
func (l *Platform) Status(_ context.Context, name string) (platform.ServiceStatus, error) {
	s, err := l.service(name)
	if err != nil {
		return platform.ServiceStatus{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := platform.ServiceStatus{Desired: s.desired(), URL: s.l.c.BaseURL + "/" + name + "/"}
	for _, r := range s.replicas {
		url, ready, failed := r.state()
		if ready {
			st.URLs = append(st.URLs, url)
		} else if st.Waiting == "" {
			st.Waiting = r.waitsFor()
		}
		if failed != "" && st.Failed == "" {
			st.Failed = failed
		}
	}
	for _, r := range s.retiring {
		if url, ready, _ := r.state(); ready {
			st.URLs = append(st.URLs, url)
		}
	}
	st.Ready = min(len(st.URLs), st.Desired)
	return st, nil
}

// URLs returns the URLs of a Service's ready replicas. Each call begins with the
// next one, so that callers spread over them.
func (l *Platform) URLs(name string) []string {
	st, err := l.Status(context.Background(), name)
	if err != nil || len(st.URLs) == 0 {
		return nil
	}
	s, err := l.service(name)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	at := s.turn % len(st.URLs)
	return append(st.URLs[at:len(st.URLs):len(st.URLs)], st.URLs[:at]...)
}

// acquire gives the URL of a Service's next ready replica, which does not end
// before release is called. It is nil where none is ready.
func (l *Platform) acquire(name string) (url string, release func()) {
	s, err := l.service(name)
	if err != nil {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	all := slices.Concat(s.replicas, s.retiring)
	for i := range all {
		r := all[(s.turn+i)%len(all)]
		if url, ok := r.hold(); ok {
			return url, r.release
		}
	}
	return "", nil
}

func (l *Platform) service(name string) (*service, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.services[name]
	if s == nil {
		return nil, &pipeline.Error{Op: "look up service", Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no service %q", name)}
	}
	return s, nil
}
