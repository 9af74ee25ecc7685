// peer_options.go: the flags that both ends of a peer's connection have.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"xbench/core"
	"xbench/core/net"
	"xbench/core/net/frame"
	"xbench/results"
	"xbench/workloads"
)

// peerOptions are what both sides are told.
type peerOptions struct {
	settings  workloads.Case // the parameters that cases have too, with their defaults and limits
	partition string
	producer  string
	kind      string
	records   uint64
	timeout   time.Duration
	frame     time.Duration // for one frame, once it has begun
	tls       net.TLSFiles
	format    string
}

// tlsSection is where help shows the flags about TLS.
const tlsSection = "TLS, both sides with certificates; plain TCP without"

func (o *peerOptions) bind(flags *pflag.FlagSet) {
	o.setting(flags, "subpartitions", "channels", "how many `COUNT` subpartitions the partition has")
	flags.StringVar(&o.kind, "kind", "long", "what records are: `long`, or elements: stream elements over longs, with watermarks")
	flags.StringVar(&o.partition, "partition-id", "", "the partition's id, 20 bytes in `HEX` as on the wire (default: zeros)")
	flags.StringVar(&o.producer, "producer-id", "", "its producer's id, 40 bytes in `HEX` as on the wire (default: zeros)")
	o.setting(flags, "exclusive", "exclusive", "`COUNT` of buffers that each channel has of its own; 0: none, all follows the backlog")
	o.setting(flags, "floating", "floating", "`COUNT` of buffers that the channels share")
	o.setting(flags, "segment-size", "segment-size", "`SIZE` of a buffer")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "give up after this `TIME`; 0: never")
	flags.DurationVar(&o.frame, "frame-timeout", net.DefaultFrameTimeout, "end a connection whose other side begins a frame and does not end it within this `TIME`")
	flags.StringVar(&o.format, "format", "text", "`FORMAT` of the result: text or json")
}

func (o *peerOptions) bindTLS(flags *pflag.FlagSet) {
	flags.StringVar(&o.tls.Cert, "tls-cert", "", "PEM `FILE` with this side's certificate")
	flags.StringVar(&o.tls.Key, "tls-key", "", "PEM `FILE` with its key")
	flags.StringVar(&o.tls.CA, "tls-ca", "", "PEM `FILE` with the authorities that sign the other side's certificate")
	flags.StringSliceVar(&o.tls.Fingerprints, "tls-fingerprint", nil, "`HEX` of the SHA-256 or SHA-1 fingerprint that the other side's certificate has to have")
	for _, name := range []string{"tls-cert", "tls-key", "tls-ca", "tls-fingerprint"} {
		if err := flags.SetAnnotation(name, sectionAnnotation, []string{tlsSection}); err != nil {
			panic(err) // the flag was declared a line above
		}
	}
}

// setting declares a flag for a parameter that cases have too.
func (o *peerOptions) setting(flags *pflag.FlagSet, name, key, usage string) {
	flags.Var(&settingFlag{&o.settings, key}, name, usage)
}

// settingFlag is a parameter of a case as pflag sees it.
type settingFlag struct {
	c   *workloads.Case
	key string
}

func (f *settingFlag) Set(value string) error {
	err := f.c.Set(f.key, value)
	if wrong := new(workloads.KeyError); errors.As(err, &wrong) {
		return wrong.Err
	}
	return err
}

func (f *settingFlag) String() string { return f.c.Get(f.key) }
func (f *settingFlag) Type() string   { return "VALUE" }

func newPeerOptions() peerOptions {
	o := peerOptions{settings: workloads.NewCase("")}
	o.settings.Channels = 1
	return o
}

// check finds what is wrong with the flags by themselves.
func (o *peerOptions) check(operands []string) error {
	if _, err := o.settings.Plan(); err != nil {
		wrong := new(workloads.KeyError)
		if !errors.As(err, &wrong) {
			return err
		}
		if wrong.Key == "channels" {
			wrong.Key = "subpartitions"
		}
		return fmt.Errorf("--%s: %w", wrong.Key, wrong.Err)
	}
	given := o.tls.Cert != "" || o.tls.Key != "" || o.tls.CA != "" || len(o.tls.Fingerprints) > 0
	switch {
	case len(operands) > 0:
		return fmt.Errorf("unexpected argument %q", operands[0])
	case peerKinds[o.kind] == nil:
		return fmt.Errorf("--kind: %q is none of long, elements", o.kind)
	case o.format != "text" && o.format != "json":
		return fmt.Errorf("--format: %q is none of text, json", o.format)
	case o.timeout < 0:
		return fmt.Errorf("--timeout: %v is not a time to wait for", o.timeout)
	case o.frame <= 0:
		return fmt.Errorf("--frame-timeout: %v: a frame takes some time", o.frame)
	case given && (o.tls.Cert == "" || o.tls.Key == "" || o.tls.CA == ""):
		return errors.New("--tls-cert, --tls-key and --tls-ca go together")
	}
	_, err := o.id()
	return err
}

// id is the name of the partition.
func (o *peerOptions) id() (id frame.ResultPartitionID, err error) {
	if o.partition != "" {
		if id.Partition, err = frame.ParsePartitionID(o.partition); err != nil {
			return id, fmt.Errorf("--partition-id: %w", err)
		}
	}
	if o.producer != "" {
		if id.Producer, err = frame.ParseProducerID(o.producer); err != nil {
			return id, fmt.Errorf("--producer-id: %w", err)
		}
	}
	return id, nil
}

// exchange is what this side's exchange is made of.
func (o *peerOptions) exchange() (core.Options, error) {
	var config *tls.Config
	if o.tls.Cert != "" {
		var err error
		if config, err = o.tls.Config(); err != nil {
			return core.Options{}, fmt.Errorf("--tls-cert, --tls-key, --tls-ca, --tls-fingerprint: %w", err)
		}
	}
	c := &o.settings
	return core.Options{
		// What a partition may use and what a gate may use is the same number; a partition insists on one more than it has subpartitions.
		Segments:    max(c.Channels*c.Exclusive+c.Floating, c.Channels+1),
		SegmentSize: c.SegmentSize,
		Exclusive:   c.Exclusive, NoExclusive: c.Exclusive == 0, Floating: c.Floating,
		TLS: config, FrameTimeout: o.frame,
	}, nil
}

// The reasons why a peer stops early, as causes of its context.
var (
	errPeerInterrupted = errors.New("interrupted")
	errPeerTimedOut    = errors.New("timed out")
)

// lifetime is how long a peer may take: until somebody interrupts it, or its time is up.
type lifetime struct {
	ctx     context.Context
	signals *interrupt
	end     func()
}

// begin catches signals until end: the first one ends ctx, a second one the process.
func (o *peerOptions) begin() *lifetime {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := func() {}
	if o.timeout > 0 {
		ctx, stop = context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("%w after %v", errPeerTimedOut, o.timeout))
	}
	l := &lifetime{ctx: ctx, signals: catchInterrupt()}
	over := make(chan os.Signal)
	go func() {
		select {
		case <-l.signals.harness:
			l.signals.release()
			cancel(errPeerInterrupted)
		case <-over:
		}
	}()
	l.end = func() {
		close(over)
		l.signals.release()
		stop()
		cancel(nil)
	}
	return l
}

// cause prefers the reason why the peer had to stop to what came of it.
func (l *lifetime) cause(err error) error {
	if cause := context.Cause(l.ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// exit is the code for err, which came after the data had begun or before.
func (l *lifetime) exit(err error, began bool) results.ExitCode {
	switch {
	case err == nil:
		return results.ExitPass
	case errors.Is(err, errPeerInterrupted):
		return l.signals.exit()
	case began || errors.Is(err, errPeerTimedOut):
		return results.ExitInvalid
	}
	return results.ExitFailed
}
