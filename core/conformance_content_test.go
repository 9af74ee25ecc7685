// conformance_content_test.go: what a channel carried, and whether that is what the recorded one carried.

package core

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"reflect"
	"slices"
	"testing"

	"xbench/core/net/frame"
	"xbench/core/serde"
)

// content is what came out of one channel: records in short, events in full.
type content struct {
	records, payloadBytes int
	crc                   uint32
	events                []eventAt
	counting              bool // payload k is the number k so far
}

// eventAt is an event, and how many records came before it.
type eventAt struct {
	event   frame.Event
	records int
}

func newContent() *content { return &content{counting: true} }

func (c *content) record(payload []byte) {
	c.counting = c.counting && len(payload) == 8 && binary.BigEndian.Uint64(payload) == uint64(c.records)
	c.records++
	c.payloadBytes += len(payload)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, payload)
}

func (c *content) event(e frame.Event) {
	c.events = append(c.events, eventAt{e, c.records})
}

// drain takes the records out of what a deserializer was given.
func (c *content) drain(t testing.TB, d *serde.Deserializer) {
	t.Helper()
	for {
		payload, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		c.record(payload)
	}
}

// check compares with what Flink's task wrote into the channel, and Flink's consumer read.
func (c *content) check(t *testing.T, want *channelExpectation) {
	t.Helper()
	if want.Records == nil { // the consumer left early, or never came to read
		if c.records < want.Read || !c.counting && want.Read > 0 {
			t.Errorf("channel %s: %d records, want %d or more, counting from 0: %v", want.ID, c.records, want.Read, c.counting)
		}
		return
	}
	got := digest{c.records, c.payloadBytes, fmt.Sprintf("%08x", c.crc)}
	if got != *want.Records {
		t.Errorf("channel %s: %+v, want %+v", want.ID, got, *want.Records)
	}
	if len(c.events) != len(want.Events) {
		t.Fatalf("channel %s: %d events, want %d", want.ID, len(c.events), len(want.Events))
	}
	places := eventPlaces(want)
	for i, e := range c.events {
		if w := described(t, want.Events[i]); !reflect.DeepEqual(describedEvent(t, e.event), w) {
			t.Errorf("channel %s: event %d is %v, want %v", want.ID, i, describedEvent(t, e.event), w)
		}
		if places != nil && e.records != places[i] {
			t.Errorf("channel %s: event %d came behind %d records, want %d", want.ID, i, e.records, places[i])
		}
	}
}

// eventPlaces is how many records each event came behind, if the expectation has the whole stream.
func eventPlaces(want *channelExpectation) (places []int) {
	if len(want.Stream) != want.Records.Count+len(want.Events) {
		return nil
	}
	for i, item := range want.Stream {
		if e, ok := item.(map[string]any); ok && e["event"] != nil {
			places = append(places, i-len(places))
		}
	}
	return places
}

// describedEvent is an event as expect.json has it, but for the priority, which a task is not told of.
func describedEvent(t testing.TB, e frame.Event) any {
	t.Helper()
	if other, ok := e.(frame.Other); ok { // whose body may have come with padding
		other.Body = bytes.TrimRight(slices.Clone(other.Body), "\x00")
		e = other
	}
	b, err := json.Marshal(frame.DescribeEvent(e))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return described(t, v)
}

func described(t testing.TB, v any) any {
	t.Helper()
	e, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%v is no event", v)
	}
	out := map[string]any{}
	for name, value := range e {
		if name != "priority" {
			out[name] = value
		}
	}
	return out
}
