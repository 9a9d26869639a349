package api

// The methods. Each comment names the types of its parameters and of its result.
const (
	MethodLoad        = "load"         // LoadParams, LoadResult
	MethodUnload      = "unload"       // no parameters, LoadResult
	MethodPersonalize = "personalize"  // PersonalizeParams, PersonalizeResult
	MethodEvaluate    = "evaluate"     // EvaluateParams, EvaluateResult
	MethodWrite       = "write"        // WriteParams, WriteResult
	MethodExplain     = "explain"      // ExplainParams, ExplainResult
	MethodEmbed       = "embed"        // EmbedParams, EmbedResult
	MethodRemember    = "remember"     // RememberParams, RememberResult
	MethodEstimate    = "estimate"     // EstimateParams, EstimateResult
	MethodStep        = "step"         // StepParams, StepResult
	MethodInfo        = "info"         // no parameters, InfoResult
	MethodRelease     = "release"      // no parameters, ReleaseResult
	MethodEcho        = "echo"         // any JSON value, which is also the result
	MethodBench       = "bench"        // BenchParams, BenchResult
	MethodBenchDecode = "bench-decode" // BenchDecodeParams, DecodeBench
	MethodBenchReport = "bench-report" // BenchReportParams, BenchReport
	MethodBenchCurves = "bench-curves" // BenchCurvesParams, BenchCurves
	MethodKernelCases = "kernel-cases" // KernelCasesParams, KernelCasesResult
)
