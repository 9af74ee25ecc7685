// limits.go: how large the parts of a trace may be; what a reader's memory is bounded by.

package trace

// Limits of one event, for the writer and the reader alike.
const (
	KeyMaxBytes     = 64 << 10
	PayloadMaxBytes = 8 << 20
	SizeMaxBytes    = 1 << 40 // what an event may say its record's size was
)

// A block is closed by the first event that brings it to one of these. 20,000 flights with their payloads take 323 kB in
// blocks of 64 KiB, 274 in those of 1 MiB, and 269 in those of 4 MiB.
const (
	blockTargetBytes  = 1 << 20
	blockTargetEvents = 64 << 10
)

// What a reader accepts of a block, and so the memory it needs: these two sums, plus 16 bytes per name.
const (
	blockMaxEvents = blockTargetEvents
	blockRawMax    = blockTargetBytes + PayloadMaxBytes + KeyMaxBytes + // the last event is the one that overshoots
		blockMaxEvents*columnsPerEventMax + blockSlack
	blockStoredMax = blockRawMax + blockRawMax/128 + blockSlack // zstd never expands by more

	// Columns of fixed content: time 10, key 3, name length 3, size 6, kind 1, payload length 4.
	columnsPerEventMax = 27
	blockSlack         = 1 << 10 // heads of columns and frames
)
