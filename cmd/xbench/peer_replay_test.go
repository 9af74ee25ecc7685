package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"xbench/core/net/frame"
	"xbench/results"
)

// What a real Flink sent, answered by our consumer: it counts what Flink counted, on every channel.
func TestConsumeRecordings(t *testing.T) {
	for _, c := range captures(t) {
		kind := map[string]string{"longs-2ch": "long", "elements-long-4ch": "elements", "events": "long", "ack": "long"}[c.name]
		if kind == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var want struct {
				Partition struct {
					Partition string `json:"partition_id_hex"`
					Producer  string `json:"producer_id_hex"`
				} `json:"partition"`
				Channels []struct {
					Subpartition int
					Records      struct {
						Count int    `json:"count"`
						Bytes int    `json:"payload_bytes"`
						CRC   string `json:"payload_crc32"`
					} `json:"records"`
					Events []map[string]any `json:"events"`
				} `json:"channels"`
			}
			content, err := os.ReadFile(strings.TrimSuffix(c.s2c, ".s2c.bin") + ".expect.json")
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(content, &want); err != nil {
				t.Fatal(err)
			}
			address := replay(t, c.s2c, len(want.Channels))
			code, stdout, stderr := inShell("peer", "consume", "--connect", address, "--kind", kind, "--subpartitions", strconv.Itoa(len(want.Channels)),
				"--exclusive", "100", "--partition-id", want.Partition.Partition, "--producer-id", want.Partition.Producer, "--format", "json")
			if code != results.ExitPass {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			for i, got := range reportOf(t, stdout).Channels {
				want := want.Channels[i]
				if got.Elements != uint64(want.Records.Count) || got.Bytes != uint64(want.Records.Bytes) || got.CRC != want.Records.CRC {
					t.Errorf("channel %d: %+v, want %+v", i, got, want)
				}
				for _, urgent := range []bool{false, true} {
					if got, want := eventNames(got.Events, urgent), eventNames(want.Events, urgent); !slices.Equal(got, want) {
						t.Errorf("channel %d, urgent %v:\n got %v\nwant %v", i, urgent, got, want)
					}
				}
			}
		})
	}
}

// eventNames are the events in order: those that overtake others, or those that do not. An announcement is a consumer's own business.
func eventNames(events []map[string]any, urgent bool) (names []string) {
	for _, e := range events {
		if e["event"] != "EventAnnouncement" && urgent == (e["alignment"] == "UNALIGNED") {
			names = append(names, fmt.Sprint(e["event"], " ", e["id"], " ", e["type"], " ", e["mode"]))
		}
	}
	return names
}

// replay is a producer that answers the requests of so many channels with a recording. It does not look at credit: give it enough.
func replay(t *testing.T, file string, channels int) (address string) {
	recording, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	played := make(chan error, 1)
	t.Cleanup(func() {
		l.Close()
		if err := <-played; err != nil {
			t.Errorf("replay: %v", err)
		}
	})
	go func() { played <- playOnce(l, recording, channels) }()
	return l.Addr().String()
}

func playOnce(l net.Listener, recording []byte, channels int) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	asked := map[int]frame.ChannelID{}
	requests := frame.Decoder{Direction: frame.FromConsumer}
	var piece [4 << 10]byte
	for len(asked) < channels {
		n, err := c.Read(piece[:])
		if err != nil {
			return err
		}
		requests.Feed(piece[:n])
		for {
			f, ok, err := requests.Next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if f.ID == frame.IDPartitionRequest {
				asked[f.Request.First] = f.Request.Channel
			}
		}
	}
	responses := frame.Decoder{Direction: frame.FromProducer}
	responses.Feed(recording)
	for {
		f, ok, err := responses.Next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if f.ID != frame.IDBufferResponse {
			continue
		}
		f.Response.Buffer.Channel = asked[f.Response.Buffer.Subpartition]
		if _, err := c.Write(f.AppendTo(nil)); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, c) // until the consumer has said good-bye
	return err
}
