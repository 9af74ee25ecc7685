// peer_tally.go: what went over each channel, counted and printed by both sides alike.

package main

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"

	"xbench/core/net/frame"
	"xbench/core/serde"
)

// tally is what went over one channel.
type tally struct {
	elements, values uint64
	sum              int64 // of the values; it may wrap
	bytes            uint64
	crc              uint32
	events           []frame.Event
}

// peerKinds say what a payload is.
var peerKinds = map[string]func(payload []byte) (value int64, is bool, err error){
	"long": longValue, "elements": longOfElement,
}

// add counts a payload.
func (t *tally) add(payload []byte, value int64, is bool) {
	t.elements++
	if is {
		t.values++
		t.sum += value
	}
	t.bytes += uint64(len(payload))
	t.crc = crc32.Update(t.crc, crc32.IEEETable, payload)
}

// longValue is a record that is nothing but a long.
func longValue(payload []byte) (int64, bool, error) {
	if len(payload) != 8 {
		return 0, false, fmt.Errorf("a record of %d bytes is no long", len(payload))
	}
	var r serde.Reader
	v, err := serde.Long.Decode(&r, payload)
	return v, true, err
}

// longOfElement is the value of a stream element that is a record.
func longOfElement(payload []byte) (int64, bool, error) {
	e, err := serde.ParseElement(payload)
	if err != nil || !e.IsRecord() {
		return 0, false, err
	}
	return longValue(e.Value)
}

// peerSchema names the document that --format json prints.
const peerSchema = "xbench.peer/v1"

// describe names the numbers of channel i.
func (t *tally) describe(i int) frame.Description {
	events := []any{}
	for _, e := range t.events {
		events = append(events, frame.DescribeEvent(e))
	}
	return append(frame.Description{{Name: "channel", Value: i}}, append(t.numbers(),
		frame.Field{Name: "payload_crc32", Value: fmt.Sprintf("%08x", t.crc)}, frame.Field{Name: "events", Value: events})...)
}

func (t *tally) numbers() frame.Description {
	return frame.Description{
		{Name: "elements", Value: t.elements}, {Name: "values", Value: t.values}, {Name: "value_sum", Value: t.sum}, {Name: "payload_bytes", Value: t.bytes},
	}
}

// total is all channels together.
func total(tallies []tally) (all tally) {
	for i := range tallies {
		t := &tallies[i]
		all.elements, all.values, all.sum, all.bytes = all.elements+t.elements, all.values+t.values, all.sum+t.sum, all.bytes+t.bytes
	}
	return all
}

// report prints the channels of a partition, and what keeps them from being whole.
func (o *peerOptions) report(w io.Writer, tallies []tally, reason error) error {
	all := total(tallies)
	if o.format == "text" {
		for i := range tallies {
			if err := writeText(w, tallies[i].describe(i)); err != nil {
				return err
			}
		}
		return writeText(w, append(frame.Description{{Name: "channel", Value: "all"}}, all.numbers()...))
	}
	id, err := o.id()
	if err != nil {
		return err
	}
	channels := []any{}
	for i := range tallies {
		channels = append(channels, tallies[i].describe(i))
	}
	document := frame.Description{
		{Name: "schema", Value: peerSchema}, {Name: "partition_id", Value: id.Partition.String()}, {Name: "producer_id", Value: id.Producer.String()},
		{Name: "kind", Value: o.kind}, {Name: "complete", Value: reason == nil},
	}
	if reason != nil {
		document = append(document, frame.Field{Name: "reason", Value: reason.Error()})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(append(document, frame.Field{Name: "channels", Value: channels}, frame.Field{Name: "total", Value: all.numbers()}))
}
