// Package jobs implements the methods of package api that a user's program calls: train, evaluate,
// write, explain, estimate, and keep a model on the device.
//
// A method decodes its request, prepares the data, checks that the work fits into memory, and only
// then loads the model. The request stays as it came; what is derived from it is in a job struct.
package jobs
