package jobs

import (
	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/rpc"
)

// Methods returns the methods of this package on an engine.
func Methods(e *engine.Engine) []rpc.Method {
	return []rpc.Method{
		e.Method(api.MethodEcho, echo),
		e.Method(api.MethodInfo, info),
		e.Method(api.MethodRelease, release),
		e.Method(api.MethodLoad, load),
		e.Method(api.MethodUnload, unload),
		e.Method(api.MethodEstimate, estimate),
		e.Method(api.MethodPersonalize, personalize),
		e.Method(api.MethodEvaluate, evaluate),
		e.Method(api.MethodWrite, write),
		e.Method(api.MethodExplain, explain),
		e.Method(api.MethodEmbed, embed),
		e.Method(api.MethodRemember, remember),
		e.Method(api.MethodStep, step),
	}
}
