// ids.go: the names of channels, partitions and their producers.

package frame

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// ChannelID names one input channel; the consumer picks it at random, and every frame about the channel carries it.
type ChannelID [16]byte

// PartitionID names a result partition: the data set it belongs to (16 bytes) and its number in it.
type PartitionID [20]byte

// ProducerID names one attempt to run a producing task: execution graph (16 bytes), job vertex (16), subtask and attempt number.
type ProducerID [40]byte

// ResultPartitionID is the full name of a partition: which one, made by whom.
type ResultPartitionID struct {
	Partition PartitionID
	Producer  ProducerID
}

// NewPartitionID puts a partition's name together. Flink's tests use number -1.
func NewPartitionID(dataSet [16]byte, number int32) (id PartitionID) {
	copy(id[:], dataSet[:])
	binary.BigEndian.PutUint32(id[16:], uint32(number))
	return id
}

// NewProducerID puts an attempt's name together.
func NewProducerID(graph, vertex [16]byte, subtask, attempt int32) (id ProducerID) {
	copy(id[:], graph[:])
	copy(id[16:], vertex[:])
	binary.BigEndian.PutUint32(id[32:], uint32(subtask))
	binary.BigEndian.PutUint32(id[36:], uint32(attempt))
	return id
}

// DataSet is the intermediate data set that the partition is a part of.
func (id PartitionID) DataSet() [16]byte { return [16]byte(id[:16]) }

// Number is the partition's number in its data set.
func (id PartitionID) Number() int32 { return int32(binary.BigEndian.Uint32(id[16:])) }

// Graph is the execution graph.
func (id ProducerID) Graph() [16]byte { return [16]byte(id[:16]) }

// Vertex is the job vertex.
func (id ProducerID) Vertex() [16]byte { return [16]byte(id[16:32]) }

// Subtask is the task's index among those of its vertex.
func (id ProducerID) Subtask() int32 { return int32(binary.BigEndian.Uint32(id[32:])) }

// Attempt counts the task's executions.
func (id ProducerID) Attempt() int32 { return int32(binary.BigEndian.Uint32(id[36:])) }

// String is the 32 hex digits, which are also the bytes on the wire in order.
func (id ChannelID) String() string { return hex.EncodeToString(id[:]) }

// String is the 40 hex digits, which are also the bytes on the wire in order.
func (id PartitionID) String() string { return hex.EncodeToString(id[:]) }

// String is the 80 hex digits, which are also the bytes on the wire in order.
func (id ProducerID) String() string { return hex.EncodeToString(id[:]) }

// String is the name as Flink prints it: dataset#number@graph_vertex_subtask_attempt.
func (id ResultPartitionID) String() string {
	dataSet, graph, vertex := id.Partition.DataSet(), id.Producer.Graph(), id.Producer.Vertex()
	return fmt.Sprintf("%x#%d@%x_%x_%d_%d", dataSet[:], id.Partition.Number(), graph[:], vertex[:], id.Producer.Subtask(), id.Producer.Attempt())
}

// ParseChannelID reads what ChannelID.String prints.
func ParseChannelID(s string) (id ChannelID, err error) { return id, parseHex(id[:], s, "channel id") }

// ParsePartitionID reads what PartitionID.String prints.
func ParsePartitionID(s string) (id PartitionID, err error) {
	return id, parseHex(id[:], s, "partition id")
}

// ParseProducerID reads what ProducerID.String prints.
func ParseProducerID(s string) (id ProducerID, err error) {
	return id, parseHex(id[:], s, "producer id")
}

// ParseResultPartitionID reads what ResultPartitionID.String prints.
func ParseResultPartitionID(s string) (ResultPartitionID, error) {
	fail := func() (ResultPartitionID, error) {
		return ResultPartitionID{}, fmt.Errorf("partition %q: want dataset#number@graph_vertex_subtask_attempt", s)
	}
	partition, producer, found := strings.Cut(s, "@")
	dataSetHex, numberText, found2 := strings.Cut(partition, "#")
	parts := strings.Split(producer, "_")
	if !found || !found2 || len(parts) != 4 {
		return fail()
	}
	var dataSet, graph, vertex [16]byte
	for _, id := range []struct {
		dst  *[16]byte
		text string
	}{{&dataSet, dataSetHex}, {&graph, parts[0]}, {&vertex, parts[1]}} {
		if parseHex(id.dst[:], id.text, "") != nil {
			return fail()
		}
	}
	var numbers [3]int32
	for i, text := range []string{numberText, parts[2], parts[3]} {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fail()
		}
		numbers[i] = int32(n)
	}
	return ResultPartitionID{
		Partition: NewPartitionID(dataSet, numbers[0]),
		Producer:  NewProducerID(graph, vertex, numbers[1], numbers[2]),
	}, nil
}

func parseHex(dst []byte, s, what string) error {
	if len(s) != 2*len(dst) {
		return fmt.Errorf("%s %q: want %d hex digits", what, s, 2*len(dst))
	}
	if _, err := hex.Decode(dst, []byte(s)); err != nil {
		return fmt.Errorf("%s %q: %w", what, s, err)
	}
	return nil
}
