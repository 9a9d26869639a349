// Package dataset turns a writer's items into token sequences: it reads them, splits them into
// training and held-out items by time, retrieves earlier items for each, lays out the prompts with
// the history and with the history erased, and encodes prompts and responses.
//
// Every prompt exists in two forms that differ in the history only, P_h and P_0. Their difference
// is what the causal effects of package causal measure.
package dataset
