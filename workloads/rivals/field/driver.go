// driver.go: a system under test as a driver of the harness.

package field

import (
	"context"
	"fmt"

	"xbench/harness"
)

// system is what differs between those who compete: our exchange, or a transport with batches in front of it.
type system interface {
	// open allocates, and listens where that is this worker's part.
	open(p harness.Plan, s Spec) (addr string, err error)
	// connect makes the connection and all channels; addr is that of the worker which listens.
	connect(ctx context.Context, addr string) error
	// output is what a writer's records go to; it keeps the task's ledger. To be called after connect.
	output(writer int, t *harness.SourceTask) output
	// consume is a consumer's whole work.
	consume(ctx context.Context, consumer int, t *harness.SinkTask) error
	stats() harness.Stats
	close() error
}

// driver puts a system under the harness. Sources are in one worker, sinks in another, or all in one.
type driver struct {
	sys  system
	plan harness.Plan
	spec Spec
}

// Open allocates and listens.
func (d *driver) Open(_ context.Context, p harness.Plan) (addr string, err error) {
	d.plan = p
	if d.spec, err = parseSpec(p.Params); err != nil {
		return "", fmt.Errorf("case %s: %w", p.Case, err)
	}
	return d.sys.open(p, d.spec)
}

// Connect makes the connection and its channels.
func (d *driver) Connect(ctx context.Context, addrs []string) error {
	addr := ""
	for _, a := range addrs {
		if a != "" {
			addr = a
		}
	}
	return d.sys.connect(ctx, addr)
}

// Sources are the writers.
func (d *driver) Sources() (all []harness.Source) {
	if !d.plan.Holds(harness.RoleSource) {
		return nil
	}
	for i := range d.spec.Writers {
		all = append(all, harness.Source{
			Name: fmt.Sprintf("writer %d", i), Index: i, Channels: d.spec.Channels,
			Run: func(ctx context.Context, t *harness.SourceTask) error {
				s := source{spec: d.spec, index: i, t: t, out: d.sys.output(i, t)}
				return s.run(ctx)
			},
		})
	}
	return all
}

// Sinks are the consumers.
func (d *driver) Sinks() (all []harness.Sink) {
	if !d.plan.Holds(harness.RoleSink) {
		return nil
	}
	for i := range d.spec.Consumers {
		all = append(all, harness.Sink{
			Name: fmt.Sprintf("consumer %d", i),
			Run: func(ctx context.Context, t *harness.SinkTask) error {
				return d.sys.consume(ctx, i, t)
			},
		})
	}
	return all
}

// Stats is what the system knows.
func (d *driver) Stats() harness.Stats { return d.sys.stats() }

// Close gives everything back.
func (d *driver) Close() error { return d.sys.close() }
