// stream_test.go: a driver of plain TCP streams, one per source: what the harness measures
// in its own tests. It has every fault that the harness must find.

package harness

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"xbench/harness/pace"
	"xbench/harness/wait"
)

// streamParams are the parameters of the driver.
type streamParams struct {
	Sources  int    `json:"sources"`
	Channels int    `json:"channels"`
	Rate     uint64 `json:"rate,omitempty"`  // records per second of all sources; 0: closed loop
	Limit    uint64 `json:"limit,omitempty"` // records of one source; 0: until the end
	Fault    string `json:"fault,omitempty"` // what goes wrong with record FaultAt of source 0
	FaultAt  uint64 `json:"fault_at,omitempty"`

	ChildFile string `json:"child_file,omitempty"` // the sink's driver starts a process, and writes its number here
}

// streamRecord is a record: its channel, its value and its intended instant.
const streamRecordSize = 4 + 8 + 8

type stream struct {
	plan     Plan
	params   streamParams
	listener net.Listener
	out, in  []net.Conn // by source
}

func newStream() Driver { return &stream{} }

func (d *stream) Open(ctx context.Context, p Plan) (string, error) {
	d.plan = p
	if err := json.Unmarshal(p.Params, &d.params); err != nil {
		return "", err
	}
	switch d.params.Fault {
	case "open fails":
		return "", errors.New("no such device")
	case "open is stuck":
		stuckInOpen()
	}
	if !p.Holds(RoleSink) {
		return "", nil
	}
	if d.params.ChildFile != "" {
		child := exec.Command("sleep", "1000")
		if err := child.Start(); err != nil {
			return "", err
		}
		if err := os.WriteFile(d.params.ChildFile, []byte(strconv.Itoa(child.Process.Pid)), 0o666); err != nil {
			return "", err
		}
	}
	var err error
	d.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return d.listener.Addr().String(), nil
}

// Connect dials one connection per source; the connection's first byte says whose it is.
func (d *stream) Connect(ctx context.Context, addrs []string) error {
	d.out, d.in = make([]net.Conn, d.params.Sources), make([]net.Conn, d.params.Sources)
	if d.plan.Holds(RoleSource) {
		for i := range d.out {
			c, err := net.Dial("tcp", addrs[len(addrs)-1])
			if err != nil {
				return err
			}
			d.out[i] = c
			if _, err := c.Write([]byte{byte(i)}); err != nil {
				return err
			}
		}
	}
	if d.plan.Holds(RoleSink) {
		for range d.in {
			c, err := d.listener.Accept()
			if err != nil {
				return err
			}
			var who [1]byte
			if _, err := io.ReadFull(c, who[:]); err != nil {
				return err
			}
			d.in[who[0]] = c
		}
	}
	return nil
}

func (d *stream) Sources() (sources []Source) {
	if !d.plan.Holds(RoleSource) {
		return nil
	}
	for i := range d.params.Sources {
		index := i
		if d.params.Fault == "one number for all sources" {
			index = 0
		}
		sources = append(sources, Source{
			Name: fmt.Sprintf("stream[%d]", i), Index: index, Channels: d.params.Channels,
			Run: func(ctx context.Context, t *SourceTask) error { return d.send(ctx, t, i) },
		})
	}
	return sources
}

func (d *stream) Sinks() (sinks []Sink) {
	if !d.plan.Holds(RoleSink) {
		return nil
	}
	for i := range d.params.Sources {
		sinks = append(sinks, Sink{
			Name: fmt.Sprintf("end[%d]", i),
			Run:  func(ctx context.Context, t *SinkTask) error { return d.receive(t, i) },
		})
	}
	return sinks
}

// send is the source: paced, or as fast as the stream takes it.
func (d *stream) send(ctx context.Context, t *SourceTask, source int) error {
	w := bufio.NewWriterSize(d.out[source], 64<<10)
	defer d.out[source].Close()
	s := sender{stream: d, t: t, w: w, source: source, left: d.params.Limit}
	if s.left == 0 {
		s.left = 1<<64 - 1
	}
	if d.params.Rate > 0 {
		p := t.Pacer(pace.PerSecond(d.params.Rate, source, d.params.Sources))
		for s.left > 0 {
			first, n, ok := p.Next(ctx)
			if !ok {
				break
			}
			n = min(n, s.left)
			for i := first; i < first+n; i++ {
				s.record(i, p.Due(i))
			}
			t.Sent(int(n))
			if err := w.Flush(); err != nil {
				return err
			}
		}
	} else if t.WaitBegin(ctx) {
		for now, n := t.Clock(), uint64(0); !t.Over(now) && s.left > 0; now = t.Clock() {
			batch := min(64, s.left)
			for range batch {
				s.record(n, now)
				n++
			}
			t.Sent(int(batch))
			if s.err != nil {
				return s.err
			}
		}
	}
	return errors.Join(s.err, w.Flush())
}

// sender is one source at work.
type sender struct {
	*stream
	t      *SourceTask
	w      *bufio.Writer
	source int
	left   uint64
	buf    [streamRecordSize]byte
	held   []byte // a record that another one overtakes
	err    error
}

func (s *sender) record(n uint64, due int64) {
	channel := int(n % uint64(s.params.Channels))
	value := n * 7
	s.t.Ledger.Entries[channel].Word(value)
	s.left--
	if s.source == 0 && n == s.params.FaultAt {
		switch s.params.Fault {
		case "lose":
			return
		case "corrupt":
			value ^= 1 << 40
		case "twice":
			s.write(channel, value, due)
		case "swap":
			s.held = s.encode(channel, value, due)
			return
		case "panic":
			panic("the source has had enough")
		case "fail":
			s.err = errors.New("the source gives up")
		case "stuck":
			stuckInSource()
		case "frozen":
			freeze()
		case "negative latency":
			due = s.t.Clock() + 1e12
		case "unsaid":
			s.t.Ledger.Entries[channel].Word(1)
			s.write(channel, 1, due)
		case "slow":
			time.Sleep(150 * time.Millisecond)
		}
	}
	s.write(channel, value, due)
	if s.held != nil && channel == int(s.params.FaultAt)%s.params.Channels {
		_, err := s.w.Write(s.held)
		s.err, s.held = errors.Join(s.err, err), nil
	}
}

func (s *sender) encode(channel int, value uint64, due int64) []byte {
	b := binary.LittleEndian.AppendUint32(s.buf[:0], uint32(channel))
	b = binary.LittleEndian.AppendUint64(b, value)
	b = binary.LittleEndian.AppendUint64(b, uint64(due))
	return append([]byte(nil), b...)
}

func (s *sender) write(channel int, value uint64, due int64) {
	binary.LittleEndian.PutUint32(s.buf[0:], uint32(channel))
	binary.LittleEndian.PutUint64(s.buf[4:], value)
	binary.LittleEndian.PutUint64(s.buf[12:], uint64(due))
	if _, err := s.w.Write(s.buf[:]); err != nil {
		s.err = err
	}
}

// receive is the sink of one source.
func (d *stream) receive(t *SinkTask, source int) error {
	r := bufio.NewReaderSize(d.in[source], 64<<10)
	defer d.in[source].Close()
	ledger := t.Ledger(source, d.params.Channels)
	for {
		if _, err := r.Peek(streamRecordSize); err != nil {
			if err == io.EOF && r.Buffered() == 0 {
				return nil
			}
			return fmt.Errorf("%d bytes left over: %w", r.Buffered(), err)
		}
		n := r.Buffered() / streamRecordSize
		b, err := r.Peek(n * streamRecordSize)
		if err != nil {
			return err
		}
		now := t.Clock()
		for i := range n {
			record := b[i*streamRecordSize:]
			channel := binary.LittleEndian.Uint32(record)
			ledger.Entries[channel].Word(binary.LittleEndian.Uint64(record[4:]))
			t.Latency(int64(binary.LittleEndian.Uint64(record[12:])), now)
		}
		t.Received(n, now)
		if _, err := r.Discard(len(b)); err != nil {
			return err
		}
	}
}

func (d *stream) Stats() Stats {
	s := Stats{Segments: 4, SegmentSize: 64 << 10}
	if d.plan.Holds(RoleSource) {
		s.Connections = d.params.Sources
		s.BytesOnWire = 1000
		s.Waits = []wait.Wait{{Role: RoleSource, Reason: "socket", Count: 3, Ns: 4000}}
	}
	return s
}

func (d *stream) Close() error {
	if d.listener != nil {
		d.listener.Close()
	}
	switch d.params.Fault {
	case "not all home":
		if d.plan.Holds(RoleSink) {
			return errors.New("1 of 4 segments is not home")
		}
	case "exits wrongly":
		defer syscall.Exit(3)
	}
	return nil
}

// stuckInSource and stuckInOpen never return: their names must be found in a dump.
func stuckInSource() { select {} }
func stuckInOpen()   { select {} }

// freeze blocks the thread in the kernel with all signals masked, without telling the Go scheduler:
// no goroutine dump can be made from within.
func freeze() {
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^uint64(0) >> (64 - bits.UintSize)
	}
	_, _, _ = syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, uintptr(unsafe.Pointer(&all)), 8, 0)
}
