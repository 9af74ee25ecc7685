// javastream.go: finds the end, the class and the message of a serialized Java exception, without making any object of it.

package frame

import (
	"bytes"
	"encoding/binary"
)

// What begins each piece of a Java object stream (Java Object Serialization Specification, chapter 6).
const (
	tcNull           = 0x70
	tcReference      = 0x71
	tcClassDesc      = 0x72
	tcObject         = 0x73
	tcString         = 0x74
	tcArray          = 0x75
	tcClass          = 0x76
	tcBlockData      = 0x77
	tcEndBlockData   = 0x78
	tcBlockDataLong  = 0x7A
	tcLongString     = 0x7C
	tcProxyClassDesc = 0x7D
	tcEnum           = 0x7E

	scWriteMethod    = 0x01 // the class wrote something of its own behind its fields
	scSerializable   = 0x02
	scExternalizable = 0x04
	scBlockData      = 0x08 // what an externalizable class wrote can be skipped

	firstHandle = 0x7E0000
)

// Bounds on a walk. A real exception with ten causes needs some thousand steps and about forty levels.
const (
	javaStepsMax = 1 << 20
	javaDepthMax = 256
)

// javaWalk goes through one object stream. Every method reports whether the stream went on as it must; after a false the walk is
// over. It never reads beyond b, and it never makes more than a small part of what it has read.
type javaWalk struct {
	b       []byte
	at      int
	steps   int
	depth   int
	handles []javaHandle // everything that may be referred to again, in order

	message javaHandle // detailMessage of the outermost Throwable
}

// javaHandle is a class description or a string; neither for other objects, of which only the number counts.
type javaHandle struct {
	class *javaClass
	text  []byte // modified UTF-8
}

type javaClass struct {
	name   []byte
	flags  byte
	fields []javaField
	super  *javaClass
}

type javaField struct {
	kind byte // B C D F I J S Z, [ or L
	name []byte
}

// walkThrowable reads the exception that b begins with. The class is found whenever b begins with an object; the message, and
// the offset behind the stream, if ok.
func walkThrowable(b []byte) (t Throwable, end int, ok bool) {
	const before = 6 // stream magic, version, TC_OBJECT, TC_CLASSDESC
	if !bytes.HasPrefix(b, []byte{0xAC, 0xED, 0x00, 0x05, tcObject, tcClassDesc}) {
		return t, 0, false
	}
	w := javaWalk{b: b, at: before}
	name, ok := w.utf()
	if !ok {
		return t, 0, false
	}
	if t.Class, ok = parseModifiedUTF(name); !ok {
		t.Class = ""
		return t, 0, false
	}
	w.at = 4
	if _, ok = w.content(); !ok {
		return t, 0, false
	}
	t.Message, ok = parseModifiedUTF(w.message.text)
	return t, w.at, ok
}

// content reads one object of any kind.
func (w *javaWalk) content() (javaHandle, bool) {
	if w.steps++; w.steps > javaStepsMax || w.depth > javaDepthMax {
		return javaHandle{}, false
	}
	mark, ok := w.byte()
	if !ok {
		return javaHandle{}, false
	}
	w.depth++
	defer func() { w.depth-- }()
	switch mark {
	case tcNull:
		return javaHandle{}, true
	case tcReference:
		return w.reference()
	case tcString:
		text, ok := w.utf()
		return w.remember(javaHandle{text: text}), ok
	case tcLongString:
		n, ok := w.number(8)
		if !ok || n > uint64(len(w.b)) {
			return javaHandle{}, false
		}
		text, ok := w.take(int(n))
		return w.remember(javaHandle{text: text}), ok
	case tcClassDesc, tcProxyClassDesc:
		w.at--
		class, ok := w.class()
		return javaHandle{class: class}, ok
	case tcObject:
		return w.object()
	case tcArray:
		return javaHandle{}, w.array()
	case tcEnum, tcClass:
		_, ok := w.class()
		w.remember(javaHandle{})
		if ok && mark == tcEnum {
			_, ok = w.content() // its name
		}
		return javaHandle{}, ok
	}
	return javaHandle{}, false
}

// class reads a class description: a new one, one seen before, or none (nil).
func (w *javaWalk) class() (*javaClass, bool) {
	if w.steps++; w.steps > javaStepsMax || w.depth > javaDepthMax {
		return nil, false
	}
	mark, ok := w.byte()
	if !ok {
		return nil, false
	}
	w.depth++
	defer func() { w.depth-- }()
	class := new(javaClass)
	switch mark {
	case tcNull:
		return nil, true
	case tcReference:
		h, ok := w.reference()
		return h.class, ok && h.class != nil
	case tcClassDesc:
		if class.name, ok = w.utf(); !ok {
			return nil, false
		}
		if _, ok = w.take(8); !ok { // serialVersionUID
			return nil, false
		}
		w.remember(javaHandle{class: class})
		if ok = w.fields(class); !ok {
			return nil, false
		}
	case tcProxyClassDesc:
		w.remember(javaHandle{class: class})
		class.flags = scSerializable
		count, ok := w.number(4)
		for ; ok && count > 0; count-- {
			_, ok = w.utf()
		}
		if !ok {
			return nil, false
		}
	default:
		return nil, false
	}
	if !w.annotation() {
		return nil, false
	}
	class.super, ok = w.class()
	return class, ok
}

// fields reads the flags and the fields of a class description.
func (w *javaWalk) fields(class *javaClass) bool {
	var ok bool
	if class.flags, ok = w.byte(); !ok {
		return false
	}
	count, ok := w.number(2)
	for ; ok && count > 0; count-- {
		var f javaField
		if f.kind, ok = w.byte(); !ok {
			return false
		}
		if f.name, ok = w.utf(); !ok {
			return false
		}
		if f.kind == '[' || f.kind == 'L' {
			if _, ok = w.content(); !ok { // the name of its class
				return false
			}
		} else if primitiveSize(f.kind) == 0 {
			return false
		}
		class.fields = append(class.fields, f)
	}
	return ok
}

// object reads an object behind its mark: its class, then the fields of every class that it is made of, the uppermost first.
func (w *javaWalk) object() (javaHandle, bool) {
	class, ok := w.class()
	if !ok || class == nil {
		return javaHandle{}, false
	}
	outermost := w.depth == 1
	w.remember(javaHandle{})
	var line []*javaClass
	for c := class; c != nil; c = c.super {
		if w.steps++; w.steps > javaStepsMax || len(line) > javaDepthMax {
			return javaHandle{}, false
		}
		line = append(line, c)
	}
	for i := len(line) - 1; i >= 0; i-- {
		if !w.part(line[i], outermost) {
			return javaHandle{}, false
		}
	}
	return javaHandle{}, true
}

// part reads what one class contributes to an object.
func (w *javaWalk) part(c *javaClass, outermost bool) bool {
	if c.flags&scExternalizable != 0 {
		return c.flags&scBlockData != 0 && w.annotation()
	}
	if c.flags&scSerializable == 0 {
		return false
	}
	for _, f := range c.fields {
		value, ok := w.value(f.kind)
		if !ok {
			return false
		}
		if outermost && string(f.name) == "detailMessage" && string(c.name) == "java.lang.Throwable" {
			w.message = value
		}
	}
	return c.flags&scWriteMethod == 0 || w.annotation()
}

// array reads an array behind its mark.
func (w *javaWalk) array() bool {
	class, ok := w.class()
	if !ok || class == nil || len(class.name) < 2 || class.name[0] != '[' {
		return false
	}
	w.remember(javaHandle{})
	count, ok := w.number(4)
	if !ok {
		return false
	}
	kind := class.name[1]
	if size := primitiveSize(kind); size > 0 {
		_, ok = w.take(int(count) * size) // at most 2^32 * 8: no overflow
		return ok
	}
	for ; ok && count > 0; count-- {
		_, ok = w.value(kind)
	}
	return ok
}

// value reads one field or element.
func (w *javaWalk) value(kind byte) (javaHandle, bool) {
	if kind == '[' || kind == 'L' {
		return w.content()
	}
	size := primitiveSize(kind)
	_, ok := w.take(size)
	return javaHandle{}, ok && size > 0
}

// annotation skips what a class or object wrote of its own, up to the mark that ends it.
func (w *javaWalk) annotation() bool {
	for w.at < len(w.b) {
		size := 0
		switch w.b[w.at] {
		case tcEndBlockData:
			w.at++
			return true
		case tcBlockData:
			size = 1
		case tcBlockDataLong:
			size = 4
		default:
			if _, ok := w.content(); !ok {
				return false
			}
			continue
		}
		w.at++
		n, ok := w.number(size)
		if !ok {
			return false
		}
		if _, ok = w.take(int(n)); !ok {
			return false
		}
	}
	return false
}

func (w *javaWalk) reference() (javaHandle, bool) {
	n, ok := w.number(4)
	if !ok || n < firstHandle || n-firstHandle >= uint64(len(w.handles)) {
		return javaHandle{}, false
	}
	return w.handles[n-firstHandle], true
}

func (w *javaWalk) remember(h javaHandle) javaHandle {
	w.handles = append(w.handles, h)
	return h
}

func (w *javaWalk) byte() (byte, bool) {
	b, ok := w.take(1)
	if !ok {
		return 0, false
	}
	return b[0], true
}

// number reads an unsigned number of 1, 2, 4 or 8 bytes.
func (w *javaWalk) number(size int) (n uint64, ok bool) {
	b, ok := w.take(size)
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n, ok
}

// utf reads a two-byte length and that many bytes.
func (w *javaWalk) utf() ([]byte, bool) {
	n, ok := w.take(2)
	if !ok {
		return nil, false
	}
	return w.take(int(binary.BigEndian.Uint16(n)))
}

func (w *javaWalk) take(n int) ([]byte, bool) {
	if n > len(w.b)-w.at {
		return nil, false
	}
	w.at += n
	return w.b[w.at-n : w.at], true
}

func primitiveSize(kind byte) int {
	switch kind {
	case 'B', 'Z':
		return 1
	case 'C', 'S':
		return 2
	case 'F', 'I':
		return 4
	case 'D', 'J':
		return 8
	}
	return 0
}
