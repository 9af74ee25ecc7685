// registry.go: where consumers find the partitions of this process, and wait for those that are not there yet.

package partition

import (
	"slices"
	"sync"
	"time"

	"xbench/core/net/frame"
)

// Registry knows the partitions of a process by their ids (Flink: ResultPartitionManager). All methods may be called from any
// goroutine.
type Registry struct {
	timeout time.Duration

	mu struct {
		sync.Mutex
		partitions map[frame.ResultPartitionID]*ResultPartition
		early      map[frame.ResultPartitionID][]*EarlyRequest // in the order in which they came
		closed     bool
	}
}

// NewRegistry makes an empty registry. A request that comes before its partition waits for it for so long; 0 or less: not at
// all, then it is for the consumer to ask again.
func NewRegistry(requestTimeout time.Duration) *Registry {
	r := &Registry{timeout: requestTimeout}
	r.mu.partitions = make(map[frame.ResultPartitionID]*ResultPartition)
	r.mu.early = make(map[frame.ResultPartitionID][]*EarlyRequest)
	return r
}

// Register makes p known, and gives their views to those who asked for it before, before it returns. p leaves the registry when
// it is released. Errors: ErrRegistered, ErrShutDown; *CancelledError when p was released already.
func (r *Registry) Register(p *ResultPartition) error {
	r.mu.Lock()
	switch {
	case r.mu.closed:
		r.mu.Unlock()
		return ErrShutDown
	case r.mu.partitions[p.id] != nil:
		r.mu.Unlock()
		return ErrRegistered
	}
	r.mu.partitions[p.id] = p
	early := r.mu.early[p.id]
	delete(r.mu.early, p.id)
	r.mu.Unlock()

	err := p.enter(r)
	if err != nil {
		r.forget(p)
	}
	for _, e := range early {
		e.timer.Stop()
		e.ready(p.CreateView(e.subpartition, e.listener))
	}
	return err
}

// enter notes the registry that has to forget p when p is released.
func (p *ResultPartition) enter(r *Registry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.IsReleased() {
		return p.cancelledError()
	}
	p.mu.registry = r
	return nil
}

// forget takes a released partition off the list.
func (r *Registry) forget(p *ResultPartition) {
	r.mu.Lock()
	if r.mu.partitions[p.id] == p {
		delete(r.mu.partitions, p.id)
	}
	r.mu.Unlock()
}

// Release releases a partition for a reason, or without one if cause is nil, and refuses early requests for it. There may be
// none of that id.
func (r *Registry) Release(id frame.ResultPartitionID, cause error) {
	r.mu.Lock()
	p := r.mu.partitions[id]
	early := r.mu.early[id]
	delete(r.mu.early, id)
	r.mu.Unlock()
	if p != nil {
		p.Release(cause)
	}
	refuse(early)
}

// View is the view of a subpartition of a partition that is registered. Errors: *NotFoundError, and those of
// ResultPartition.CreateView.
func (r *Registry) View(id frame.ResultPartitionID, sub int, l Listener) (*View, error) {
	r.mu.Lock()
	p := r.mu.partitions[id]
	r.mu.Unlock()
	if p == nil {
		return nil, &NotFoundError{ID: id}
	}
	return p.CreateView(sub, l)
}

// Close releases all partitions with the cause ErrShutDown, refuses all early requests and takes no new ones. Idempotent.
func (r *Registry) Close() {
	r.mu.Lock()
	r.mu.closed = true
	var early []*EarlyRequest
	for id, es := range r.mu.early {
		early = append(early, es...)
		delete(r.mu.early, id)
	}
	var partitions []*ResultPartition
	for _, p := range r.mu.partitions {
		partitions = append(partitions, p)
	}
	r.mu.Unlock()
	for _, p := range partitions {
		p.Release(ErrShutDown)
	}
	refuse(early)
}

// EarlyRequest is a request for a view of a partition that is not registered yet.
type EarlyRequest struct {
	registry     *Registry
	id           frame.ResultPartitionID
	subpartition int
	listener     Listener
	ready        func(*View, error)
	timer        *time.Timer
}

// ViewOrListen is View, but if the partition is unknown the request is kept: ready is called once, with no lock held, from
// whoever registers the partition, or with a *NotFoundError when the time is up or the id is released. Exactly one of view,
// early and err is not nil.
//
// ready may run before ViewOrListen returns early, and the listener may be told of data before ready is called.
func (r *Registry) ViewOrListen(
	id frame.ResultPartitionID, sub int, l Listener, ready func(*View, error),
) (view *View, early *EarlyRequest, err error) {
	r.mu.Lock()
	p := r.mu.partitions[id]
	switch {
	case p != nil:
		r.mu.Unlock()
		view, err = p.CreateView(sub, l)
		return view, nil, err
	case r.mu.closed || r.timeout <= 0:
		r.mu.Unlock()
		return nil, nil, &NotFoundError{ID: id}
	}
	early = &EarlyRequest{registry: r, id: id, subpartition: sub, listener: l, ready: ready}
	early.timer = time.AfterFunc(r.timeout, early.expire)
	r.mu.early[id] = append(r.mu.early[id], early)
	r.mu.Unlock()
	return nil, early, nil
}

// Cancel withdraws the request. True: ready will not be called; false: it was called, is being called, or was withdrawn before.
func (e *EarlyRequest) Cancel() bool {
	if !e.withdraw() {
		return false
	}
	e.timer.Stop()
	return true
}

func (e *EarlyRequest) expire() {
	if e.withdraw() {
		e.ready(nil, &NotFoundError{ID: e.id})
	}
}

// withdraw reports whether the request was still waiting.
func (e *EarlyRequest) withdraw() bool {
	r := e.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.mu.early[e.id]
	i := slices.Index(waiting, e)
	if i < 0 {
		return false
	}
	if len(waiting) == 1 {
		delete(r.mu.early, e.id)
	} else {
		r.mu.early[e.id] = slices.Delete(waiting, i, i+1)
	}
	return true
}

// refuse tells early requests, which are off the list already, that their partition will not come.
func refuse(early []*EarlyRequest) {
	for _, e := range early {
		e.timer.Stop()
		e.ready(nil, &NotFoundError{ID: e.id})
	}
}
