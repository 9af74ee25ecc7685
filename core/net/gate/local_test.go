// local_test.go: channels without a connection: what goes wrong with their partitions, those that come late, and what is passed on to them.

package gate

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// TestErrorsOfLocalChannels: a partition that fails, one that is not there, one that is taken.
func TestErrorsOfLocalChannels(t *testing.T) {
	p := memory(t, 16, 4)
	registry := partition.NewRegistry(0)
	out := newProducer(t, p, registry, 0, 1, 3)
	out.register()
	f := newFixture(t, Options{Pool: p, Channels: 3, Floating: 1})
	f.OpenLocal(0, registry, partitionID(0), 0)
	f.OpenLocal(1, registry, partitionID(1), 0)
	f.OpenLocal(2, registry, partitionID(0), 0)
	var notFound *partition.NotFoundError
	wantChannelError(t, f, 1, &notFound) // the first one has nothing yet
	var twice *partition.ConsumerError
	wantChannelError(t, f, 2, &twice)
	if queued, err := f.PrioritizeBarrier(0, 0); queued || err != nil {
		t.Errorf("a local channel, where nothing is announced, let something past: %v, %v", queued, err)
	}
	out.emit(0, 4)
	out.Fail(errors.New("the disk is full"))
	var failed *partition.ProducerFailedError
	wantChannelError(t, f, 0, &failed)
	if failed.Cause.Error() != "the disk is full" {
		t.Errorf("the cause is %v", failed.Cause)
	}
	wantNothing(t, f)
}

// TestLocalChannelWaitsForItsPartition, and gets what was written before it was registered.
func TestLocalChannelWaitsForItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := memory(t, 16, 4)
		registry := partition.NewRegistry(10 * time.Second)
		f := newFixture(t, Options{Pool: p, Channels: 2, Floating: 1})
		f.OpenLocal(0, registry, partitionID(0), 0)
		f.OpenLocal(1, registry, partitionID(1), 0)
		wantNothing(t, f)
		if err := f.Resume(0); err == nil {
			t.Error("resumed a channel without a partition")
		}
		if err := f.Acknowledge(0); err == nil {
			t.Error("acknowledged to no partition")
		}
		f.SetBufferSize(64) // a hint to nobody
		out := newProducer(t, p, registry, 0, 1, 3)
		out.emit(0, 4)
		out.register()
		poll(t, f)
		wantNothing(t, f)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		var notFound *partition.NotFoundError
		wantChannelError(t, f, 1, &notFound)
	})
}

// TestLocalChannelsPassOn: the acknowledgement and the wish for shorter buffers reach the partition; empty buffers only use their number.
func TestLocalChannelsPassOn(t *testing.T) {
	p := memory(t, 16, 8)
	registry := partition.NewRegistry(0)
	out := newProducer(t, p, registry, 0, 1, 6)
	out.register()
	f := newFixture(t, Options{Pool: p, Channels: 1, Floating: 1})
	f.OpenLocal(0, registry, partitionID(0), 0)
	f.SetBufferSize(2)
	out.emit(0, 1)
	if item := poll(t, f); item.Buffer.Len() != 1 {
		t.Fatalf("polled %v", item.Buffer)
	}
	out.event(frame.EndOfData{}, false) // ends the buffer, of which nothing is left to read
	if item := poll(t, f); item.Buffer.Type() != buffer.EndOfData {
		t.Fatalf("polled %v", item.Buffer)
	}
	select {
	case <-out.AllDataProcessed():
		t.Error("processed before it was acknowledged")
	default:
	}
	if err := f.Acknowledge(0); err != nil {
		t.Fatal(err)
	}
	<-out.AllDataProcessed()
	for range 3 {
		out.emit(0, 2)
	}
	if n, bytes := f.Queued(); n != 3 || bytes != 0 {
		t.Errorf("%d buffers of %d bytes queued, want 3 (of 2 bytes, as wished) and no count of bytes", n, bytes)
	}
	f.Close()
	if _, err := f.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed gate says %v", err)
	}
}
