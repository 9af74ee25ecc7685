// peer_serve.go: the verb peer serve: our producer, for whoever connects.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/spf13/pflag"

	"xbench/core"
	"xbench/core/net/frame"
	"xbench/core/serde"
	"xbench/results"
)

// serveOptions are peer serve's flags.
type serveOptions struct{ peerOptions }

// Every so many records all channels get a watermark, if records are stream elements; and as many go by between two looks at the clock.
const watermarkEvery = 1000

func peerServeVerb() verb {
	return verb{
		name:    "serve",
		summary: "listen, and produce a partition's records",
		about: `
Listens for consumers and produces a partition for them: the longs 0, 1, 2, ... in turn to its
subpartitions, then the end of data and, once every consumer has processed it all, the end of
the partition. As stream elements, record n has the timestamp n, every thousandth is followed
by a watermark to all subpartitions, and the last one by the highest watermark there is.

The address goes to stderr, and so does what became of consumers that failed. When the last
one has left, the result is printed.
` + peerOutcome,
		examples: `xbench peer serve --listen 127.0.0.1:6121 --subpartitions 4
xbench peer serve --listen :6121 --kind elements --records 10000000 --buffer-timeout never
xbench peer serve --listen :6121 --exclusive 0 --floating 1 --segment-size 4KiB
xbench peer serve --listen :6121 --tls-cert node.pem --tls-key node.key --tls-ca ca.pem`,
		bind: func(flags *pflag.FlagSet) action {
			o := &serveOptions{newPeerOptions()}
			o.setting(flags, "listen", "listen", "`ADDRESS` for consumers; port 0 picks one")
			o.bind(flags)
			flags.Uint64Var(&o.records, "records", 1_000_000, "`COUNT` of records, over all subpartitions")
			o.setting(flags, "buffer-timeout", "buffer-timeout", "how long a record may wait for its buffer to fill: a `TIME`; 0s: not at all; never: as long as it takes")
			o.bindTLS(flags)
			return o.run
		},
	}
}

func (o *serveOptions) run(sh *shell, operands []string) (results.ExitCode, error) {
	if err := o.check(operands); err != nil {
		return usagef("%w", err)
	}
	options, err := o.exchange()
	if err != nil {
		return usagef("%w", err)
	}
	if o.records > math.MaxInt64 {
		return usagef("--records: %d is more than there are longs from 0 on", o.records)
	}
	life := o.begin()
	defer life.end()
	log := &sayings{w: sh.stderr}
	options.Listen = o.settings.Listen
	options.Lost = func(peer string, err error) { log.sayf("xbench peer serve: consumer %s: %v\n", peer, err) }
	x, err := core.Open(options)
	if err != nil {
		return results.ExitFailed, err
	}
	log.sayf("xbench peer serve: listening on %s\n", x.Addr())
	tallies := make([]tally, o.settings.Channels)
	err = life.cause(o.serve(life.ctx, x, tallies))
	deserted := new(core.DesertedError)
	code := life.exit(err, errors.As(err, &deserted))
	closing := x.Close()
	if closing != nil {
		code = results.WorstExit(code, results.ExitFailed)
	}
	if bad := o.report(sh.stdout, tallies, err); bad != nil {
		return results.ExitFailed, fmt.Errorf("stdout: %w", bad)
	}
	return code, errors.Join(err, closing)
}

// serve produces the partition and waits until its consumers have it all.
func (o *serveOptions) serve(ctx context.Context, x *core.Exchange, tallies []tally) error {
	id, err := o.id()
	if err != nil {
		return err
	}
	w, err := x.NewWriter(ctx, core.WriterOptions{Partition: id, Subpartitions: len(tallies), BufferTimeout: o.settings.BufferTimeout})
	if err != nil {
		return err
	}
	defer w.Close()
	p := producer{w: w, tallies: tallies}
	write := p.longs
	if o.kind == "elements" {
		write = p.elements
	}
	if err := write(ctx, int64(o.records)); err != nil {
		return err
	}
	if err := w.End(); err != nil {
		return err
	}
	for i := range tallies {
		tallies[i].events = append(tallies[i].events, frame.EndOfData{}, frame.EndOfPartition{})
	}
	return w.AwaitReaders()
}

// producer is a task that writes numbers and counts what it has written.
type producer struct {
	w       *core.Writer
	tallies []tally
	payload []byte
}

// longs writes 0 to n-1 as records of eight bytes.
func (p *producer) longs(ctx context.Context, n int64) error {
	ch := 0
	for i := range n {
		if i%watermarkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := p.w.EmitLong(ch, i); err != nil {
			return err
		}
		p.payload = serde.Long.Append(p.payload[:0], i)
		p.tallies[ch].add(p.payload, i, true)
		if ch++; ch == len(p.tallies) {
			ch = 0
		}
	}
	return nil
}

// elements writes 0 to n-1 as stream elements, with watermarks in between.
func (p *producer) elements(ctx context.Context, n int64) error {
	record := serde.StreamElement{Tag: serde.TagTimestamped}
	for i := range n {
		record.TimestampMs = i
		record.Value = serde.Long.Append(record.Value[:0], i)
		if err := p.emit(int(i%int64(len(p.tallies))), &record, i, true); err != nil {
			return err
		}
		if i%watermarkEvery != watermarkEvery-1 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.watermark(i); err != nil {
			return err
		}
	}
	return p.watermark(math.MaxInt64)
}

// watermark goes to every channel.
func (p *producer) watermark(timestampMs int64) error {
	e := serde.StreamElement{Tag: serde.TagWatermark, TimestampMs: timestampMs}
	for ch := range p.tallies {
		if err := p.emit(ch, &e, 0, false); err != nil {
			return err
		}
	}
	return nil
}

func (p *producer) emit(ch int, e *serde.StreamElement, value int64, is bool) error {
	if err := p.w.EmitTo(ch, e); err != nil {
		return err
	}
	p.payload = e.AppendTo(p.payload[:0])
	p.tallies[ch].add(p.payload, value, is)
	return nil
}

// sayings are lines on stderr from several goroutines.
type sayings struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sayings) sayf(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, format, a...)
}
