// task_event.go: events against the stream, from a consumer's task to its producer's.

package net

import (
	"sync"

	"xbench/core/net/frame"
)

// TaskEvents delivers events to the tasks that listen, by their partitions (Flink: TaskEventDispatcher). Any goroutine may call it.
type TaskEvents struct {
	mu struct {
		sync.Mutex
		listeners map[frame.ResultPartitionID]func(frame.Event)
	}
}

// Subscribe makes listen the one that hears the events for a partition. It is called by the receivers of connections, and must not block.
func (d *TaskEvents) Subscribe(id frame.ResultPartitionID, listen func(frame.Event)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.listeners == nil {
		d.mu.listeners = map[frame.ResultPartitionID]func(frame.Event){}
	}
	d.mu.listeners[id] = listen
}

// Unsubscribe ends it. An event that is being delivered may still arrive.
func (d *TaskEvents) Unsubscribe(id frame.ResultPartitionID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mu.listeners, id)
}

// Publish delivers an event and reports whether anybody listens.
func (d *TaskEvents) Publish(id frame.ResultPartitionID, e frame.Event) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	listen := d.mu.listeners[id]
	d.mu.Unlock()
	if listen == nil {
		return false
	}
	listen(e)
	return true
}
