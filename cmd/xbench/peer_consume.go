// peer_consume.go: the verb peer consume: our consumer, of somebody's partition.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/pflag"

	"xbench/core"
	"xbench/core/net/frame"
	"xbench/results"
)

// consumeOptions are peer consume's flags.
type consumeOptions struct {
	peerOptions
	connect  string
	slow     time.Duration
	expected bool // --records was given
}

func peerConsumeVerb() verb {
	return verb{
		name:    "consume",
		summary: "connect, and consume a partition's records",
		about: `
Connects to a producer and reads all subpartitions of a partition, each to its end, through
one gate over one connection. A partition that is not there yet is waited for by its producer.
Channels that a barrier blocks go on at once. With --slow every record takes at least so long,
on average, while its buffer is held: the producer feels it.
` + peerOutcome,
		examples: `xbench peer consume --connect 127.0.0.1:6121 --subpartitions 4
xbench peer consume --connect flink:6121 --partition-id $PARTITION --producer-id $TASK
xbench peer consume --connect :6121 --exclusive 0 --floating 1 --segment-size 4KiB --slow 10us
xbench peer consume --connect :6121 --tls-cert node.pem --tls-key node.key --tls-ca ca.pem`,
		bind: func(flags *pflag.FlagSet) action {
			o := &consumeOptions{peerOptions: newPeerOptions()}
			flags.StringVar(&o.connect, "connect", "", "`ADDRESS` of the producer; required")
			o.peerOptions.bind(flags)
			flags.Uint64Var(&o.records, "records", 0, "`COUNT` of records that must come, over all subpartitions (default: any)")
			flags.DurationVar(&o.slow, "slow", 0, "`TIME` that every record takes")
			o.bindTLS(flags)
			return func(sh *shell, operands []string) (results.ExitCode, error) {
				o.expected = flags.Changed("records")
				return o.run(sh, operands)
			}
		},
	}
}

func (o *consumeOptions) run(sh *shell, operands []string) (results.ExitCode, error) {
	if err := o.check(operands); err != nil {
		return usagef("%w", err)
	}
	if _, _, err := net.SplitHostPort(o.connect); err != nil {
		return usagef("--connect: %q is no address: write HOST:PORT", o.connect)
	}
	if o.slow < 0 {
		return usagef("--slow: %v is not a time that a record can take", o.slow)
	}
	options, err := o.exchange()
	if err != nil {
		return usagef("%w", err)
	}
	life := o.begin()
	defer life.end()
	x, err := core.Open(options)
	if err != nil {
		return results.ExitFailed, err
	}
	c := consumer{read: peerKinds[o.kind], slow: pause{each: o.slow}, tallies: make([]tally, o.settings.Channels)}
	err = life.cause(o.consume(life.ctx, x, &c))
	if got := total(c.tallies).values; err == nil && o.expected && got != o.records {
		err = fmt.Errorf("%d records came, want %d", got, o.records)
	}
	code := life.exit(err, c.began)
	closing := x.Close()
	if closing != nil {
		code = results.WorstExit(code, results.ExitFailed)
	}
	if bad := o.report(sh.stdout, c.tallies, err); bad != nil {
		return results.ExitFailed, fmt.Errorf("stdout: %w", bad)
	}
	return code, errors.Join(err, closing)
}

// consume reads the partition to its end.
func (o *consumeOptions) consume(ctx context.Context, x *core.Exchange, c *consumer) error {
	id, err := o.id()
	if err != nil {
		return err
	}
	inputs := make([]core.Input, len(c.tallies))
	for i := range inputs {
		inputs[i] = core.Input{Address: o.connect, Partition: id, Subpartition: i}
	}
	c.r, err = x.NewReader(ctx, core.ReaderOptions{Gates: [][]core.Input{inputs}})
	if err != nil {
		return err
	}
	defer c.r.Close()
	for {
		a, err := c.r.Advance(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.began = true
		if a.Event != nil {
			err = c.event(a)
		} else {
			err = c.records(ctx, a.Channel)
		}
		if err != nil {
			return err
		}
	}
}

// consumer is a task that counts what it reads.
type consumer struct {
	r       *core.Reader
	read    func(payload []byte) (value int64, is bool, err error)
	slow    pause
	tallies []tally
	began   bool // something has come
}

func (c *consumer) event(a core.Arrival) error {
	if _, ours := a.Event.(frame.Announcement); ours {
		return nil // of a barrier further back: the gate's, not the producer's
	}
	c.tallies[a.Channel].events = append(c.tallies[a.Channel].events, a.Event)
	if frame.DataTypeOf(a.Event, false).BlocksUpstream() {
		return c.r.Resume(a.Channel) // nothing to align with: nobody takes a snapshot here
	}
	return nil
}

// records reads what one buffer holds.
func (c *consumer) records(ctx context.Context, ch int) error {
	t := &c.tallies[ch]
	for {
		payload, ok, err := c.r.Next()
		if !ok || err != nil {
			return err
		}
		value, is, err := c.read(payload)
		if err != nil {
			return fmt.Errorf("channel %d, element %d: %w", ch, t.elements, err)
		}
		t.add(payload, value, is)
		if err := c.slow.take(ctx); err != nil {
			return err
		}
	}
}

// pause makes every record take its time on average: the sleep of a single one would be far too long.
type pause struct {
	each, owed time.Duration
}

// pauseAtLeast is the shortest sleep worth having.
const pauseAtLeast = time.Millisecond

func (p *pause) take(ctx context.Context) error {
	if p.owed += p.each; p.owed < pauseAtLeast {
		return nil
	}
	begin := time.Now()
	timer := time.NewTimer(p.owed)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.owed -= time.Since(begin)
	return nil
}
