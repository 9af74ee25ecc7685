// throwable.go: what stands in an ErrorResponse: a Java exception. Here: its name and message, and how one is written.

package frame

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
)

// Classes of exceptions that NewThrowable writes as themselves. A consumer of Flink tells only the first from the others: it asks
// again for the partition.
const (
	ClassPartitionNotFound = "org.apache.flink.runtime.io.network.partition.PartitionNotFoundException"
	ClassIOException       = "java.io.IOException"
	ClassRuntime           = "java.lang.RuntimeException"
	ClassIllegalState      = "java.lang.IllegalStateException"
	ClassIllegalArgument   = "java.lang.IllegalArgumentException"
	ClassIndexOutOfBounds  = "java.lang.IndexOutOfBoundsException"
)

// Throwable is a Java exception as far as it concerns us. The zero value is none.
type Throwable struct {
	Class   string // with its package
	Message string // empty: none

	java []byte // the serialized object; nil: made from the two when written
}

// String is what Java prints first of an exception: the class, and the message if there is one.
func (t Throwable) String() string {
	if t.Message == "" {
		return t.Class
	}
	return t.Class + ": " + t.Message
}

// NewThrowable is an exception that a Java peer can read. It has no template for a class beyond the constants above, and makes a
// RuntimeException of it whose message begins with the class.
func NewThrowable(class, message string) Throwable {
	t := template{class: class, message: message}
	switch class {
	case ClassPartitionNotFound:
		t.bytes, t.messageAt = partitionNotFoundSer, 514
	case ClassIOException:
		t.bytes, t.messageAt = ioExceptionSer, 270
	case ClassRuntime:
		t.bytes, t.messageAt = runtimeExceptionSer, 277
	case ClassIllegalState:
		t.bytes, t.messageAt = illegalStateSer, 323
	case ClassIllegalArgument:
		t.bytes, t.messageAt = asSubclassOfRuntime(class, 0xB58973D37D668FBC)
	case ClassIndexOutOfBounds:
		t.bytes, t.messageAt = asSubclassOfRuntime(class, 0x033FC59FDAB42B27)
	default:
		return NewThrowable(ClassRuntime, Throwable{Class: class, Message: message}.String())
	}
	return t.fill()
}

// PartitionNotFound is the exception that makes a consumer ask again, with Flink's message.
func PartitionNotFound(id ResultPartitionID) Throwable {
	t := template{class: ClassPartitionNotFound, message: fmt.Sprintf("Partition %v not found.", id), messageAt: 514}
	t.bytes = append([]byte(nil), partitionNotFoundSer...)
	copy(t.bytes[1333:], id.Partition[:16])
	copy(t.bytes[1186:], id.Partition[16:])
	copy(t.bytes[1687:], id.Producer[:16])
	copy(t.bytes[1930:], id.Producer[16:32])
	copy(t.bytes[1860:], id.Producer[32:36])
	copy(t.bytes[1606:], id.Producer[36:])
	return t.fill()
}

// The templates: a JVM's own serialized exceptions without stack trace. throwables/ has a file per class, which
// testdata/captures/error-templates.json describes; the offsets above are from there.
var (
	//go:embed throwables/PartitionNotFoundException.ser
	partitionNotFoundSer []byte
	//go:embed throwables/IOException.ser
	ioExceptionSer []byte
	//go:embed throwables/RuntimeException.ser
	runtimeExceptionSer []byte
	//go:embed throwables/IllegalStateException.ser
	illegalStateSer []byte
)

// template is a serialized exception whose message is to be replaced.
type template struct {
	class, message string
	bytes          []byte
	messageAt      int // of the byte TC_STRING that begins the message
}

// fill puts the message in, cut to the 65,535 bytes that a Java string of this kind holds.
func (t template) fill() Throwable {
	message := t.message
	if modifiedUTFLength(message) > math.MaxUint16 {
		n := 0
		for i, r := range message {
			if n += modifiedUTFSize(r); n > math.MaxUint16 {
				message = message[:i]
				break
			}
		}
	}
	old := t.messageAt + 1 + 2 + int(binary.BigEndian.Uint16(t.bytes[t.messageAt+1:]))
	n := modifiedUTFLength(message)
	java := make([]byte, 0, len(t.bytes)+n)
	java = append(java, t.bytes[:t.messageAt+1]...)
	java = binary.BigEndian.AppendUint16(java, uint16(n))
	java = appendModifiedUTF(java, message)
	java = append(java, t.bytes[old:]...)
	return Throwable{Class: t.class, Message: message, java: java}
}

// asSubclassOfRuntime turns the IllegalStateException into another class that extends RuntimeException and adds no field, which
// differs in nothing but its name and its serialVersionUID.
func asSubclassOfRuntime(class string, serialVersionUID uint64) (java []byte, messageAt int) {
	const nameAt = 6 // behind stream magic, version, TC_OBJECT, TC_CLASSDESC
	behind := nameAt + 2 + len(ClassIllegalState) + 8
	java = append(java, illegalStateSer[:nameAt]...)
	java = binary.BigEndian.AppendUint16(java, uint16(len(class)))
	java = append(java, class...)
	java = binary.BigEndian.AppendUint64(java, serialVersionUID)
	java = append(java, illegalStateSer[behind:]...)
	return java, 323 + len(class) - len(ClassIllegalState)
}

// stream is the exception as a Java object stream.
func (t Throwable) stream() []byte {
	if t.java == nil {
		return NewThrowable(t.Class, t.Message).java
	}
	return t.java
}

// parseErrorResponse reads the body of an ErrorResponse. Nothing says how long the Java stream is: where it ends is found by
// walking it, or else, if it holds something that the walk does not know, by what the body's end looks like.
func parseErrorResponse(body []byte) (ErrorResponse, error) {
	t, end, ok := walkThrowable(body)
	if t.Class == "" {
		return ErrorResponse{}, corruptf(reasonBody, "ErrorResponse without an exception")
	}
	const channelSize = len(ChannelID{})
	last := len(body) - 1                // the boolean, if it says that nothing follows
	named := len(body) - 1 - channelSize // the boolean, if a channel follows
	if !ok {
		if end = named; named < 0 || body[named] != 1 || body[last] == 0 && !endsStream(body[:named]) {
			end = last
		}
	}
	m := ErrorResponse{Cause: t, Fatal: end == last}
	switch {
	case end == last && body[last] == 0:
	case end == named && body[named] != 0:
		m.Channel = ChannelID(body[named+1:])
	default:
		return ErrorResponse{}, corruptf(reasonBody, "ErrorResponse with %d bytes behind its exception", len(body)-end)
	}
	m.Cause.java = append([]byte(nil), body[:end]...)
	return m, nil
}

// endsStream reports whether b ends as the serialized object of most exceptions does: with the null or the end-of-data mark that
// closes the last field of a Throwable. A guess, for streams that could not be walked.
func endsStream(b []byte) bool {
	return len(b) > 0 && (b[len(b)-1] == tcNull || b[len(b)-1] == tcEndBlockData)
}
