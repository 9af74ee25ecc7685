// exhaustive_test.go: the credit protocol on the real code, in every order in which its steps can happen, for small numbers.

package net

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
)

// scene is what one exploration is about.
type scene struct {
	channels  int
	exclusive int
	floating  int
	buffers   int  // that the producer writes to each channel
	barrier   bool // the producer sends one, once
	cancel    bool // each channel has a gate of its own, which may be closed; else all share one, and its floating buffers
	narrow    bool // both ends may also send without waiting, and then the socket takes a part of it
}

func (s scene) String() string {
	return fmt.Sprintf("%dch/excl=%d/float=%d/buffers=%d/barrier=%v/cancel=%v/narrow=%v", s.channels, s.exclusive, s.floating, s.buffers, s.barrier, s.cancel,
		s.narrow)
}

// sceneSegment is the size of a segment, and of each record: one buffer each.
const sceneSegment = 16

// world is a scene in the making: one connection, both ends of which are stepped here.
type world struct {
	scene
	out, in  *buffer.NetworkBufferPool
	local    *buffer.LocalBufferPool
	registry *partition.Registry
	part     *partition.ResultPartition
	server   *serverConn
	client   *clientConn
	gates    []*gate.InputGate
	up, down *wire

	wrote, got  []int // data buffers per channel
	sent        []int // data frames that the server wrote
	granted     []int // credit that the server has taken note of
	held        []gate.Item
	blocked     []bool // the barrier came, and is not resumed
	cancelled   []bool
	barrierSent bool
	downAt      int // how far the wire to the client was looked at
	seenUp      frame.Decoder
	seenDown    frame.Decoder
}

// narrowBytes is how much the socket takes of what is sent without waiting: less than any frame but the smallest.
const narrowBytes = 40

func newWorld(s scene) (*world, error) {
	w := &world{scene: s, registry: partition.NewRegistry(-1)}
	var err error
	outSegments := s.channels + 2
	if w.out, err = buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: outSegments, SegmentSize: sceneSegment}); err != nil {
		return nil, err
	}
	inSegments := s.channels*(s.exclusive+s.floating) + s.channels
	if w.in, err = buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: inSegments, SegmentSize: sceneSegment}); err != nil {
		return nil, err
	}
	w.local, err = w.out.CreateLocal(buffer.LocalOptions{Required: outSegments, Max: outSegments, Subpartitions: s.channels})
	if err != nil {
		return nil, err
	}
	if w.part, err = partition.New(partition.Spec{ID: partitionID(0), Subpartitions: s.channels, Pool: w.local}); err != nil {
		return nil, err
	}
	if err = w.registry.Register(w.part); err != nil {
		return nil, err
	}
	clientEnd, serverEnd := newMemStreams()
	w.up, w.down = clientEnd.out, serverEnd.out
	room := func() int { return narrowBytes }
	w.server = newServerConn(&narrowStream{serverEnd, room}, "consumer", w.registry, Options{Clock: still})
	w.client = newClientConn(&narrowStream{clientEnd, room}, "producer", Options{Clock: still})
	for _, list := range []*[]int{&w.wrote, &w.got, &w.sent, &w.granted} {
		*list = make([]int, s.channels)
	}
	w.blocked, w.cancelled = make([]bool, s.channels), make([]bool, s.channels)
	return w, w.open()
}

func (w *world) open() error {
	gates, each := 1, w.channels
	if w.cancel {
		gates, each = w.channels, 1
	}
	for range gates {
		g, err := gate.New(context.Background(), gate.Options{
			Pool: w.in, Channels: each, Exclusive: w.exclusive, Floating: w.floating, Clock: still,
		})
		if err != nil {
			return err
		}
		w.gates = append(w.gates, g)
	}
	for ch := range w.channels {
		g, i := w.gateOf(ch)
		r, err := g.OpenRemote(context.Background(), i, channelID(fmt.Sprint(ch)), w.client.post)
		if err != nil {
			return err
		}
		if err := w.client.open(r, partitionID(0), ch); err != nil {
			return err
		}
		w.granted[ch] = w.exclusive
	}
	return nil
}

func (w *world) gateOf(ch int) (g *gate.InputGate, i int) {
	if w.cancel {
		return w.gates[ch], 0
	}
	return w.gates[0], ch
}

// step is one thing that may happen. A world with other timing has the same steps in another order.
type step struct {
	what string // write, barrier, serve, push, hear, tell, hint, listen, poll, recycle, resume, cancel
	ch   int
}

// steps are those that can happen now.
func (w *world) steps() (all []step) {
	add := func(possible bool, what string, ch int) {
		if possible {
			all = append(all, step{what, ch})
		}
	}
	for ch := range w.channels {
		add(w.wrote[ch] < w.buffers && w.local.IsAvailable(), "write", ch)
		add(w.blocked[ch] && !w.cancelled[ch], "resume", ch)
		add(w.cancel && !w.cancelled[ch], "cancel", ch)
	}
	add(w.barrier && !w.barrierSent, "barrier", 0)
	add(true, "serve", 0)
	add(true, "tell", 0)
	add(w.narrow && w.server.send.rest == nil, "push", 0)
	add(w.narrow && len(w.client.send.rest) == 0, "hint", 0)
	add(len(w.up.bytes) > 0, "hear", 0)
	add(len(w.down.bytes) > 0, "listen", 0)
	for k := range w.gates {
		add(!w.cancelled[k] || !w.cancel, "poll", k)
	}
	add(len(w.held) > 0, "recycle", 0)
	return all
}

// do makes one step. worked says whether anything came of it.
func (w *world) do(s step) (worked bool, err error) {
	switch s.what {
	case "write":
		record := make([]byte, sceneSegment)
		record[3] = sceneSegment - 4
		w.wrote[s.ch]++
		if err := w.part.Emit(context.Background(), record, s.ch); err != nil {
			return false, err
		}
		w.part.FlushAll()
		return true, nil
	case "barrier":
		w.barrierSent = true
		event := frame.CheckpointBarrier{ID: 1, Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
		return true, w.part.BroadcastEvent(frame.AppendEvent(nil, event), buffer.AlignedBarrier)
	case "serve":
		worked, err = w.server.send.sendOnce()
		return worked, errors.Join(err, w.watchDown())
	case "push":
		worked, _, err = w.server.send.sendNow()
		return worked, errors.Join(err, w.watchDown())
	case "tell":
		return w.client.send.sendOnce()
	case "hint":
		worked, _, err = w.client.send.sendNow()
		return worked, err
	case "hear":
		w.watchUp()
		return true, w.server.recv.receiveOnce()
	case "listen":
		return true, w.client.recv.receiveOnce()
	case "poll":
		return w.poll(s.ch)
	case "recycle":
		w.held[0].Buffer.Recycle()
		w.held = w.held[1:]
		return true, nil
	case "resume":
		w.blocked[s.ch] = false
		g, i := w.gateOf(s.ch)
		return true, g.Resume(i)
	case "cancel":
		w.cancelled[s.ch], w.blocked[s.ch] = true, false
		w.gates[s.ch].Close()
		return true, nil
	}
	panic(s.what)
}

func (w *world) poll(k int) (worked bool, err error) {
	item, ok, err := w.gates[k].Poll()
	if !ok || err != nil {
		return false, err
	}
	if w.cancel {
		item.Channel = k
	}
	if item.Buffer.Type().IsBuffer() {
		w.got[item.Channel]++
		w.held = append(w.held, item)
		return true, nil
	}
	w.blocked[item.Channel] = true
	item.Buffer.Recycle()
	return true, nil
}

// watchUp counts the credit that the server is about to hear of.
func (w *world) watchUp() {
	_ = eachFrame(&w.seenUp, w.up.bytes, func(f *frame.Frame) {
		if m := &f.Request; f.ID == frame.IDAddCredit {
			w.granted[m.Channel[0]-'0'] += int(m.Credit)
		}
	})
}

// watchDown counts the data that the server wrote, against the credit that it had.
func (w *world) watchDown() (err error) {
	broken := eachFrame(&w.seenDown, w.down.bytes[min(w.downAt, len(w.down.bytes)):], func(f *frame.Frame) {
		m := &f.Response
		if f.ID == frame.IDErrorResponse {
			err = fmt.Errorf("the server complains: %v", m.Error.Cause)
		}
		if f.ID != frame.IDBufferResponse || !m.Buffer.Type.IsBuffer() {
			return
		}
		ch := m.Buffer.Channel[0] - '0'
		if w.sent[ch]++; w.sent[ch] > w.granted[ch] {
			err = fmt.Errorf("channel %d: %d buffers were sent with %d credits", ch, w.sent[ch], w.granted[ch])
		}
	})
	w.downAt = len(w.down.bytes)
	return errors.Join(err, broken)
}

// eachFrame looks at the frames that b completes.
func eachFrame(d *frame.Decoder, b []byte, visit func(f *frame.Frame)) error {
	for d.Feed(b); ; {
		f, ok, err := d.Next()
		if !ok || err != nil {
			return err
		}
		visit(&f)
	}
}

// apply is do, and keeps in mind that listening empties the wire.
func (w *world) apply(s step) (worked bool, err error) {
	worked, err = w.do(s)
	if s.what == "listen" {
		w.downAt = len(w.down.bytes)
	}
	return worked, err
}

// settle lets everything happen that still can but for cancelling, until nothing does. What is still to be written is written one buffer at a time,
// each when everything before it has come to rest: then nobody has any credit to spare, or knows of any backlog.
func (w *world) settle() error {
	for again := true; again; {
		worked, err := w.round(func(what string) bool { return what != "write" && what != "cancel" && what != "barrier" }, false)
		if err == nil && !worked {
			worked, err = w.round(func(what string) bool { return what == "write" }, true)
		}
		if err != nil {
			return err
		}
		again = worked
	}
	for ch := range w.channels {
		if !w.cancelled[ch] && w.got[ch] != w.buffers {
			return fmt.Errorf("channel %d is stuck with %d of %d buffers, %d sent with %d credits", ch, w.got[ch], w.buffers, w.sent[ch], w.granted[ch])
		}
	}
	return nil
}

// round makes every step of some kinds that is possible, or only the first.
func (w *world) round(of func(what string) bool, once bool) (worked bool, err error) {
	for _, s := range w.steps() {
		if !of(s.what) {
			continue
		}
		did, err := w.apply(s)
		if err != nil {
			return false, fmt.Errorf("%v: %w", s, err)
		}
		if worked = worked || did; worked && once {
			return true, nil
		}
	}
	return worked, nil
}

// close ends everything, and says which segments are not home.
func (w *world) close() error {
	for _, item := range w.held {
		item.Buffer.Recycle()
	}
	for _, g := range w.gates {
		g.Close()
	}
	w.server.end(errTestOver)
	w.server.release()
	w.client.end(errTestOver)
	w.client.recv.release()
	w.client.inbox.close()
	w.part.Fail(errTestOver)
	w.part.Close()
	w.registry.Close()
	return errors.Join(w.out.Free(), w.in.Free())
}

// key tells worlds apart whose futures may differ. What it leaves out would only merge too many.
func (w *world) key() string {
	up, down := fnv.New64a(), fnv.New64a()
	_, _ = up.Write(w.up.bytes)
	_, _ = down.Write(w.down.bytes)
	k := fmt.Sprint(w.wrote, w.got, w.sent, w.granted, w.blocked, w.cancelled, w.barrierSent, len(w.held), up.Sum64(), down.Sum64(),
		w.out.Available(), w.in.Available(), w.server.send.available.count, len(w.server.inbox.mu.notes), len(w.client.inbox.mu.notes))
	for _, b := range w.server.send.rest {
		k += fmt.Sprintf(" s%x", b)
	}
	k += fmt.Sprintf(" c%x b%d a%d h%d", w.client.send.rest, len(w.client.recv.body.missing), w.client.recv.to-w.client.recv.from, w.server.recv.have)
	for _, item := range w.held {
		k += fmt.Sprint(" ", item.Channel)
	}
	for _, n := range w.server.inbox.mu.notes {
		k += fmt.Sprint(" n", n.kind, n.n)
	}
	for _, n := range w.client.inbox.mu.notes {
		k += fmt.Sprint(" i", n.kind, n.what, n.id)
	}
	for ch := range w.channels {
		if r := w.server.recv.readers[channelID(fmt.Sprint(ch))]; r != nil {
			k += fmt.Sprint(" r", r.budget.Left(), r.queued, r.closed, r.view != nil, r.notified.Load())
			if r.view != nil {
				k += fmt.Sprint(" q", r.view.QueuedBuffers())
			}
		}
	}
	for _, g := range w.gates {
		l := g.Load()
		k += fmt.Sprint(" g", l)
	}
	return k
}

// play makes a world and lets the steps of a path happen.
func play(s scene, path []step) (*world, error) {
	w, err := newWorld(s)
	if err != nil {
		return nil, err
	}
	for _, st := range path {
		if _, err := w.apply(st); err != nil {
			return w, fmt.Errorf("%v: %w", st, err)
		}
	}
	return w, nil
}

// explore visits every world that the steps lead to, breadth first, each made anew from its path; at most so many of them. In each it lets
// everything settle: nothing may be stuck. It returns how many there were, and whether that was all.
func explore(t *testing.T, s scene, most int) (worlds int, all bool) {
	type node struct{ path []step }
	seen := map[string]bool{}
	queue := []node{{}}
	for len(queue) > 0 && worlds < most {
		n := queue[0]
		queue = queue[1:]
		w, err := play(s, n.path)
		if err != nil {
			t.Fatalf("%v after %v: %v", s, n.path, err)
		}
		key := w.key()
		if seen[key] {
			if err := w.close(); err != nil {
				t.Fatalf("%v after %v: %v", s, n.path, err)
			}
			continue
		}
		seen[key] = true
		worlds++
		for _, st := range w.steps() {
			queue = append(queue, node{append(n.path[:len(n.path):len(n.path)], st)})
		}
		if err := errors.Join(w.settle(), w.close()); err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("%v after %v: %v", s, n.path, err)
		}
	}
	return worlds, len(queue) == 0
}

// scenes are the small numbers.
func scenes(channels, buffers int) (all []scene) {
	for exclusive := range 3 {
		for floating := 1; floating <= 2; floating++ {
			for _, variant := range []scene{{}, {barrier: true}, {cancel: true}, {narrow: true}, {narrow: true, cancel: true}} {
				if variant.narrow && variant.cancel && channels > 1 {
					continue // more than can be visited
				}
				variant.channels, variant.exclusive, variant.floating, variant.buffers = channels, exclusive, floating, buffers
				all = append(all, variant)
			}
		}
	}
	return all
}

// TestCreditInEveryOrder: one and two channels on one connection, each with none to two exclusive buffers and one or two floating ones: whatever the
// order of writing, sending, sending a part, receiving, polling, recycling, cancelling, blocking and resuming, there is never more data under way
// than credit, never a channel stuck, and every segment comes home.
func TestCreditInEveryOrder(t *testing.T) {
	exploreAll(t, scenes(1, 3), exhaustiveWorlds)
	exploreAll(t, scenes(2, 1), exhaustiveWorlds)
}

func exploreAll(t *testing.T, all []scene, most int) {
	for _, s := range all {
		t.Run(s.String(), func(t *testing.T) {
			worlds, complete := explore(t, s, most)
			t.Logf("%d worlds, all of them: %v", worlds, complete)
		})
	}
}
