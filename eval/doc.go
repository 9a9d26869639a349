// Package eval compares methods on many writers: it runs every cell (a method, a regime and a
// user), keeps the results, and computes the tables of a report.
//
//	Settings  what every cell depends on
//	Results   the file results.jsonl: finished cells, appended one at a time
//	Runner    runs the cells that are not finished, and author identification
//	Compare   the figures of each method with intervals, and differences to a baseline
//
// A finished cell is never computed twice: a broken run continues with the next cell. Results of
// other settings are refused, and the fault names the difference.
package eval
