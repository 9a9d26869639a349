// Package train fits a model's parameters to samples with the objective of core/causal.
//
// A Trainer is the immutable description of a run; New validates it. Run composes these parts:
//
//	Order        which samples each step sees
//	Gradients    forward and backward passes of one step, in micro-batches
//	Optimizer    AdamW with gradient clipping and a learning-rate Schedule, on the device
//	evaluator    held-out loss, early stopping, the best parameters
//	progress     losses read back from the device and reported as Stats
//	Checkpoints  the two files that a Checkpoint of the run state is written to in turn
//
// A run that is stopped and resumed gives the same parameters, bit for bit, as an unbroken one.
package train
