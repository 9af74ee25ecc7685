// doc.go: what a trace is, and every byte of its file.

// Package trace keeps recorded workloads: when each record came, under which key, how large
// it was and, if wanted, its bytes. It writes, reads and imports files of the form *.xtrace.
//
// # Format, version 1
//
// All fixed-size numbers are little-endian, a checksum is a CRC-32C, uvarint is that of encoding/binary.
//
//	file     header, blocks, index, trailer
//	header   "XTRACE\r\n"  version u32  start i64  checksum u32 of what precedes it
//	block    "xblk"  stored u32  raw u32  events u32  first u64  checksum u32 of the content
//	         checksum u32 of the block's head up to here, then the content: stored bytes,
//	         one zstd frame, which unpacks to raw bytes
//	index    "xidx"  blocks u32  length u32, then length bytes: four uvarints per block: its
//	         length in the file with its head, its events, its first event's time less the
//	         last one's of the block before, and its last event's time less its first
//	         one's; checksum u32 of the index up to here
//	trailer  index offset u64  events u64  checksum u32 of these two  "XTRACE\x1a\n"
//
// start is the instant of time 0 in nanoseconds since 1970 UTC, 0 when not known. first is the number of
// the block's first event in the file, from 0: it shows a block that is missing.
//
// A block unpacks to columns, in ascending order of their tags: tag u8, length uvarint, content. A column that
// holds nothing but zeros is left out.
//
//	1 time    uvarint first, uvarint unit, then per event uvarint: (time less that of the event before) / unit
//	2 names   uvarint count, then per name uvarint length and bytes: the block's keys
//	3 key     per event uvarint: which name
//	4 size    per event uvarint
//	5 kind    per event u8
//	6 length  per event uvarint: length of the payload + 1; 0: no payload
//	7 payload the payloads, one after the other
//
// Every byte of a file is under a checksum, and no number in it is believed before it is
// compared with a limit: see limits.go. A file whose end is missing is readable up to its last whole block.
package trace
