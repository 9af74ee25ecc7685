// grpc.go: gRPC: a stream of messages for each channel, over one HTTP/2 connection.

package field

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// grpcTransport has a client-streaming call for each channel, whose first message is the channel's number. A message is a batch, passed
// on without another encoding and without a copy. Windows are left to adapt by themselves, as its documentation advises, which is faster than any that were set.
type grpcTransport struct {
	listener net.Listener
	server   *grpc.Server
	client   *grpc.ClientConn
	calls    context.Context // all of them; ends with close
	cancel   context.CancelFunc

	opened sync.WaitGroup // calls that are still to come
	begin  chan struct{}  // closed when books are set
	books  *books
	ended  chan error // one of each call
}

const grpcMethod = "/rivals.Exchange/Channel"

func newGRPC() *grpcTransport {
	g := &grpcTransport{begin: make(chan struct{})}
	g.calls, g.cancel = context.WithCancel(context.Background())
	return g
}

func (g *grpcTransport) listen(channels int) (addr string, err error) {
	if g.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return "", err
	}
	g.opened.Add(channels)
	g.ended = make(chan error, channels)
	g.server = grpc.NewServer(
		grpc.ForceServerCodecV2(batchCodec{}),
		grpc.ReadBufferSize(readAhead), grpc.WriteBufferSize(grpcWrite),
	)
	g.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "rivals.Exchange", HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{StreamName: "Channel", ClientStreams: true, Handler: g.serve}},
	}, g)
	go func() { _ = g.server.Serve(g.listener) }() // ends with Stop
	return g.listener.Addr().String(), nil
}

// grpcWrite is up to how much gRPC gathers for one write: four batches are faster than the one of its default.
const grpcWrite = 128 << 10

func (g *grpcTransport) dial(_ context.Context, addr string, _ int) (err error) {
	g.client, err = grpc.NewClient("passthrough:///"+addr,
		grpc.WithReadBufferSize(readAhead), grpc.WithWriteBufferSize(grpcWrite),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(batchCodec{})),
	)
	return err
}

func (g *grpcTransport) open(_ context.Context, ch int) (channel, error) {
	call, err := g.client.NewStream(g.calls, &grpc.StreamDesc{ClientStreams: true}, grpcMethod)
	if err != nil {
		return nil, err
	}
	c := &grpcChannel{call: call, pool: make(grpcPool, grpcAhead)}
	number := binary.BigEndian.AppendUint32(nil, uint32(ch))
	return c, call.SendMsg(mem.BufferSlice{mem.SliceBuffer(number)})
}

func (g *grpcTransport) accept(context.Context, int) error {
	g.opened.Wait()
	return nil
}

// serve is one call's handler.
func (g *grpcTransport) serve(_ any, call grpc.ServerStream) error {
	var number numberTaker
	if err := call.RecvMsg(&number); err != nil {
		return err
	}
	g.opened.Done()
	<-g.begin
	err := g.receive(call, int(number))
	g.ended <- err
	return err
}

func (g *grpcTransport) receive(call grpc.ServerStream, ch int) error {
	if ch >= len(g.books.channels) {
		return fmt.Errorf("a call for channel %d", ch)
	}
	to := &batchTaker{books: g.books, channel: ch}
	for {
		err := call.RecvMsg(to)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("channel %d: %w", ch, err)
		}
	}
}

func (g *grpcTransport) deliver(b *books) error {
	g.books = b
	close(g.begin)
	for range b.channels {
		if err := <-g.ended; err != nil {
			return err
		}
	}
	return nil
}

func (g *grpcTransport) flush() error { return nil }

func (g *grpcTransport) close() (err error) {
	if g.client != nil {
		err = g.client.Close()
	}
	if g.server != nil {
		g.server.Stop()
	}
	g.cancel()
	return err
}

// grpcAhead is how many batches of a channel's memory lie ready.
const grpcAhead = 4

type grpcChannel struct {
	call grpc.ClientStream
	pool grpcPool
}

// write gives the batch to gRPC, which lets it go when it is written to the socket.
func (c *grpcChannel) write(batch []byte) ([]byte, error) {
	if len(batch) < grpcCopyMax {
		return batch, c.call.SendMsg(mem.BufferSlice{mem.Copy(batch, mem.DefaultBufferPool())})
	}
	err := c.call.SendMsg(mem.BufferSlice{mem.NewBuffer(&batch, c.pool)})
	return (*c.pool.Get(batchSize))[:0], err
}

// grpcCopyMax: below it a batch is copied rather than given away with all its memory.
const grpcCopyMax = 4 << 10

func (c *grpcChannel) end() error { return c.call.CloseSend() }

// grpcPool is where batches come back to.
type grpcPool chan *[]byte

// Get takes a batch's memory, new if there is none.
func (p grpcPool) Get(length int) *[]byte {
	select {
	case b := <-p:
		return b
	default:
		b := make([]byte, length, batchSize)
		return &b
	}
}

// Put gives it back.
func (p grpcPool) Put(b *[]byte) {
	select {
	case p <- b:
	default:
	}
}

// batchCodec leaves messages as they are.
type batchCodec struct{}

func (batchCodec) Name() string { return "batch" }

func (batchCodec) Marshal(v any) (mem.BufferSlice, error) { return v.(mem.BufferSlice), nil }

func (batchCodec) Unmarshal(message mem.BufferSlice, v any) error {
	return v.(taker).take(message)
}

// taker takes what a message holds, while it is decoded.
type taker interface{ take(mem.BufferSlice) error }

type batchTaker struct {
	books   *books
	channel int
}

func (t *batchTaker) take(message mem.BufferSlice) error {
	for _, part := range message {
		if p := part.ReadOnlyData(); len(p) > 0 {
			t.books.take(t.channel, p)
		}
	}
	return nil
}

type numberTaker uint32

func (t *numberTaker) take(message mem.BufferSlice) error {
	p := message.Materialize()
	if len(p) != 4 {
		return fmt.Errorf("a channel's number of %d bytes", len(p))
	}
	*t = numberTaker(binary.BigEndian.Uint32(p))
	return nil
}
