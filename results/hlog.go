// hlog.go: latency distributions as an HdrHistogram log, for the viewers and mergers that exist.

package results

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// WriteHlog writes the histograms of r as an HdrHistogram interval log, format 1.3 with V2
// payloads: nanoseconds, one interval per trial, tagged with its case. Merging the lines of
// a tag gives the case's latency_ns.
//
// The header is written here and not by hdrhistogram-go, whose writer cuts the start time
// to whole seconds and lets tags pass that break the line.
func WriteHlog(w io.Writer, r *Run) error {
	if err := writeHlogHead(w, r); err != nil {
		return err
	}
	for i := range r.Cases {
		if err := writeHlogCase(w, r, &r.Cases[i]); err != nil {
			return err
		}
	}
	return nil
}

func writeHlogHead(w io.Writer, r *Run) error {
	began := r.Started.UTC()
	_, err := fmt.Fprintf(w, "#[Logged by xbench, run %s]\n"+
		"#[Histogram log format version 1.3]\n"+
		"# values are nanoseconds from the intended instant; Interval_Max is milliseconds\n"+
		"#[StartTime: %[2]s (seconds since epoch), %[3]s]\n"+
		"#[BaseTime: %[2]s (seconds since epoch)]\n"+
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
		r.ID, seconds(time.Duration(began.UnixMilli())*time.Millisecond), began.Format("2006-01-02T15:04:05.000Z07:00"))
	return err
}

// writeHlogCase writes one line per trial that stands for the case. Every line has a tag:
// readers give an untagged one its predecessor's.
func writeHlogCase(w io.Writer, r *Run, c *Case) error {
	for _, t := range c.usable() {
		if t.Histogram == nil || t.Histogram.TotalCount() == 0 {
			continue
		}
		payload, err := t.Histogram.EncodeV2()
		if err != nil {
			return fmt.Errorf("latency.hlog: case %s, trial %d: %w", c.Name, t.Number, err)
		}
		after := max(0, t.Measured.Sub(r.Started.Truncate(time.Millisecond)))
		if _, err := fmt.Fprintf(w, "Tag=%s,%s,%s,%.6f,%s\n", tag(c.Name), seconds(after),
			seconds(time.Duration(t.MeasuredNs)), float64(t.Latency.Max)/1e6, payload); err != nil {
			return err
		}
	}
	return nil
}

// seconds prints d as the log does: seconds with milliseconds.
func seconds(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

var notInTags = regexp.MustCompile(`[^A-Za-z0-9_.:=/-]+`)

// tag is a case's name as a log and a benchmark line can hold it: no commas, no blanks.
func tag(name string) string {
	if name = notInTags.ReplaceAllString(strings.TrimSpace(name), "_"); name == "" {
		return "_"
	}
	return name
}
