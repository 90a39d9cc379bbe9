// Package logs collects, keeps, reads and searches what services write, by service name, across their containers and
// deployments.
//
// A Collector pulls one stream per container from a core.LogSource and appends whole lines to a Store. The Store keeps
// a directory per service name with closed segments, one open segment and a short tail:
//
//	DIR/ship-demo/20261121T221930.123456789Z_20261121T231930.000000000Z_00000000000000000001.log.zst
//	DIR/ship-demo/open.log.zst
//	DIR/ship-demo/tail-00000000000000004711.log
//
// A segment is a row of blocks: a zstd skippable frame that describes the block (times, lines, levels, containers,
// checksum) and a zstd frame with the lines as text, "2026-11-21T22:19:30.123456789Z stdout 0123456789ab text". A closed
// segment ends with one more skippable frame, the index of its blocks, and never changes again. So `zstd -dc` prints
// any segment, and we seek by time without decoding the rest. Lines that are too few for a block go to the tail, plain
// text, at least every Config.Flush; a killed process loses nothing that was flushed, and the collector fetches the
// rest again from the engine.
package logs
