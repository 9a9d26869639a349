// Package jobs implements the methods of package api that a user's program calls: train, evaluate,
// write, explain, estimate, and keep a model on the device.
//
// A method first decodes its request, then prepares the data, then checks that the work fits into
// memory, and loads the model last. It does not change the request: values that are derived from
// the request are in a job struct.
package jobs
