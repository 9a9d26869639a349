package api

import "nextquill/core/causal"

// Method describes a method: zero values of its parameters and result (nil if it has none), and the
// events that it may emit.
type Method struct {
	Name           string
	Params, Result any
	Events         []string
}

// Event describes an event by a zero value of its type.
type Event struct {
	Name  string
	Value any
}

// Enum is the set of strings that a field of JSON may hold.
type Enum struct {
	Name   string
	Values []string
}

// Methods describes all methods, for tools that generate code or documentation.
func Methods() []Method {
	loads := []string{EventMemory, EventStage, EventProgress}
	return []Method{
		{MethodLoad, LoadParams{}, LoadResult{}, loads},
		{MethodUnload, nil, LoadResult{}, nil},
		{MethodPersonalize, PersonalizeParams{}, PersonalizeResult{}, append(loads,
			EventTexts, EventStep, EventEval, EventCheckpoint)},
		{MethodEvaluate, EvaluateParams{}, EvaluateResult{}, append(loads, EventTexts, EventAdapter)},
		{MethodWrite, WriteParams{}, WriteResult{}, append(loads, EventAdapter, EventToken)},
		{MethodExplain, ExplainParams{}, ExplainResult{}, append(loads, EventAdapter)},
		{MethodEmbed, EmbedParams{}, EmbedResult{}, loads},
		{MethodRemember, RememberParams{}, RememberResult{}, append(loads, EventAdapter)},
		{MethodEstimate, EstimateParams{}, EstimateResult{}, nil},
		{MethodStep, StepParams{}, StepResult{}, loads},
		{MethodInfo, nil, InfoResult{}, nil},
		{MethodRelease, nil, ReleaseResult{}, nil},
		{MethodEcho, nil, nil, nil},
		{MethodBench, BenchParams{}, BenchResult{}, loads},
		{MethodBenchDecode, BenchDecodeParams{}, DecodeBench{}, []string{EventStage}},
		{MethodBenchReport, BenchReportParams{}, BenchReport{}, []string{EventStage}},
		{MethodBenchCurves, BenchCurvesParams{}, BenchCurves{}, []string{EventStage}},
		{MethodKernelCases, KernelCasesParams{}, KernelCasesResult{}, []string{EventKernelCase}},
	}
}

// Events describes all events.
func Events() []Event {
	return []Event{
		{EventStage, StageEvent{}},
		{EventTexts, TextsEvent{}},
		{EventProgress, ProgressEvent{}},
		{EventMemory, MemoryEvent{}},
		{EventAdapter, AdapterEvent{}},
		{EventStep, StepEvent{}},
		{EventEval, EvalEvent{}},
		{EventCheckpoint, CheckpointEvent{}},
		{EventToken, TokenEvent{}},
		{EventKernelCase, KernelCaseEvent{}},
	}
}

// Enums lists the values of all fields that hold one of a fixed set of strings.
func Enums() []Enum {
	return []Enum{
		{"Base", []string{BaseAuto, BaseF32, BaseF16, BaseQ8, BaseQ4}},
		{"Decay", []string{DecayCosine, DecayLinear, DecayConstant}},
		{"Preset", causal.Presets()},
		{"Retrieval", []string{RetrievalLatest, RetrievalBM25, RetrievalListed}},
		{"Role", []string{RoleSystem, RoleUser, RoleAssistant}},
		{"Stage", []string{
			StageTune, StageLoad, StageExpert, StageCompile, StageTrain, StageEvaluate, StageWrite, StageExplain,
			StageEmbed, StageRemember,
			StageSteps, StageBases, StageKernels, StageReport,
		}},
		{"Stopped", []string{StoppedDone, StoppedEarly, StoppedEOS, StoppedLength}},
		{"Template", []string{TemplatePlain, TemplateChat}},
		{"Why", []string{WhyAsked, WhyLimit, WhyDefault, WhyDevice}},
	}
}
